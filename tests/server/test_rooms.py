"""The room protocol, spoken with a real server by clients that behave like the stock pages."""

import asyncio
import json

import httpx
import nbformat
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cocalc_jupyter_ext.documents.ysync import AwarenessFrame, parse_frame

from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import TOKEN, JupyterServer
from ..support.waiting import until

NOTEBOOK = {"file_format": "json", "file_type": "notebook"}


async def test_two_pages_see_each_other_type(server: JupyterServer) -> None:
    write_notebook(server.work / "both.ipynb", "1 + 1")

    async with RoomClient(server, "both.ipynb") as ann, RoomClient(server, "both.ipynb") as ben:
        ann.append_text("  # Ann")
        await ben.until(lambda: "# Ann" in ben.text)
        ben.append_text("  # Bén 😀")
        await ann.until(lambda: "😀" in ann.text)

        assert ann.text == ben.text == "1 + 1  # Ann  # Bén 😀"


async def test_a_text_file_is_shared_too(server: JupyterServer) -> None:
    (server.work / "text.py").write_text("x = 1\n")

    async with RoomClient(server, "text.py", kind="file") as page:
        page.append_text("y = 2\n")
        assert await page.save() == "success"

    assert (server.work / "text.py").read_text() == "x = 1\ny = 2\n"


async def test_a_session_names_the_room_and_tells_new_ids_from_known_ones(
    server: JupyterServer,
) -> None:
    write_notebook(server.work / "naïve dir" / "a b.ipynb", "1")
    body = json.dumps({"format": "json", "type": "notebook"})
    url = "api/collaboration/session/na%C3%AFve%20dir%2Fa%20b.ipynb"

    first = await server.request("PUT", url, content=body)
    second = await server.request("PUT", url, content=body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert set(first.json()) == {"format", "type", "fileId", "sessionId"}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("missing.ipynb", {"format": "json", "type": "notebook"}, 404),
        ("..%2Fdata%2Ffile_id_manager.db", {"format": "text", "type": "file"}, 404),
        ("there.txt", {"format": "json:x", "type": "notebook"}, 400),
        ("there.txt", {}, 400),
        ("there.txt", ["text", "file"], 400),
        ("there.txt", None, 400),
    ],
)
async def test_a_session_is_refused_for_what_is_no_document(
    server: JupyterServer, path: str, body: object, status: int
) -> None:
    (server.work / "there.txt").write_text("")

    response = await server.request(
        "PUT", f"api/collaboration/session/{path}", content=json.dumps(body)
    )

    assert response.status_code == status
    assert response.json()["message"]


async def test_an_unknown_file_id_closes_as_not_found(server: JupyterServer) -> None:
    async with connect(
        server.socket_url("api/collaboration/room/json:notebook:no-such-id?sessionId=x")
    ) as socket:
        await asyncio.wait_for(socket.wait_closed(), 60)

    assert socket.close_code == 4404


async def test_saving_answers_when_the_file_is_written(server: JupyterServer) -> None:
    path = server.work / "saved.ipynb"
    write_notebook(path, "1")

    async with RoomClient(server, "saved.ipynb") as page:
        page.append_text("23")
        assert await page.save() == "success"
        saved = nbformat.read(path, as_version=4)
        nbformat.validate(saved)
        assert saved.cells[0].source == "123"
        await page.until(lambda: page.document.dirty is False)
        model = (await server.request("GET", "api/contents/saved.ipynb?content=0&hash=1")).json()
        await page.until(lambda: page.document.hash == model["hash"])


async def test_the_file_is_written_without_being_asked(server: JupyterServer) -> None:
    path = server.work / "auto.ipynb"
    write_notebook(path, "1")

    async with RoomClient(server, "auto.ipynb") as page:
        page.append_text("  # soon on disk")
        await until(lambda: "soon on disk" in path.read_text())


async def test_autosave_waits_when_nobody_wants_it_but_saving_works(server: JupyterServer) -> None:
    path = server.work / "manual.ipynb"
    write_notebook(path, "1")

    async with RoomClient(server, "manual.ipynb") as page:
        page.show(autosave=False)
        page.append_text("  # only when asked")
        await asyncio.sleep(1)  # longer than the quiet time of this server
        assert "only when asked" not in path.read_text()
        assert await page.save() == "success"

    assert "only when asked" in path.read_text()


async def test_people_are_shown_to_late_comers_and_go_with_their_connection(
    server: JupyterServer,
) -> None:
    write_notebook(server.work / "people.ipynb", "1")

    async with RoomClient(server, "people.ipynb") as ann:
        ann.show(user={"name": "Ann Ü"})
        async with RoomClient(server, "people.ipynb") as ben:
            await ben.until(lambda: ann.doc.client_id in ben.awareness.states)
            ben.show(user={"name": "Ben"})
            await ann.until(lambda: ben.doc.client_id in ann.awareness.states)
        await ann.until(lambda: ben.doc.client_id not in ann.awareness.states)

    assert ben.awareness.states[ann.doc.client_id]["user"]["name"] == "Ann Ü"


async def test_the_room_of_all_is_served_without_a_session(server: JupyterServer) -> None:
    url = server.socket_url("api/collaboration/room/JupyterLab:globalAwareness")

    async with connect(url) as ann, connect(url) as ben:
        await ann.send(bytes([1, 6, 1, 7, 1, 2]) + b"{}")
        async with asyncio.timeout(60):
            while True:
                frame = parse_frame(await ben.recv(decode=False))
                if isinstance(frame, AwarenessFrame) and b"{}" in frame.payload:
                    break


async def test_a_silent_room_still_gives_signs_of_life(server: JupyterServer) -> None:
    write_notebook(server.work / "silent.ipynb", "1")

    async with RoomClient(server, "silent.ipynb") as page:
        seen = page.frames
        await page.until(lambda: page.frames >= seen + 3)


@pytest.mark.parametrize(
    "rubbish", ["text", b"", b"\x00", b"\x00\x02\xff\xff\x03", b"\x00\x02\x02\xff\xff", b"\x63\x01"]
)
async def test_rubbish_ends_only_the_connection_that_sent_it(
    server: JupyterServer, rubbish: str | bytes
) -> None:
    write_notebook(server.work / "rubbish.ipynb", "1")

    async with RoomClient(server, "rubbish.ipynb") as good:
        bad = RoomClient(server, "rubbish.ipynb")
        await bad.connect()
        bad.send(rubbish)  # type: ignore[arg-type]  # on purpose
        code, reason = await bad.ended()
        good.append_text("!")

        assert code == 1002
        assert reason
        assert await good.save() == "success"


async def test_a_notebook_that_is_no_json_is_explained_once_and_left_alone(
    server: JupyterServer,
) -> None:
    path = server.work / "broken.ipynb"
    path.write_text("{ this is not a notebook")
    page = RoomClient(server, "broken.ipynb")

    await page.open()
    first = await page.ended()
    await page.open(new_session=False)
    second = await page.ended()

    assert first[0] == 1003
    payload = json.loads(first[1])
    assert payload["reason"] == "initialization_error"
    assert payload["errorReason"] == "broken.ipynb: not a notebook (not valid JSON)"
    assert second[0] == 4500
    assert path.read_text() == "{ this is not a notebook"
    assert "broken.ipynb: not a notebook (not valid JSON)" in server.log


async def test_a_notebook_of_a_wrong_shape_is_explained(server: JupyterServer) -> None:
    (server.work / "shape.ipynb").write_text(
        json.dumps({"cells": [{"id": 1}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    page = RoomClient(server, "shape.ipynb")

    await page.open()
    code, reason = await page.ended()

    assert code == 1003
    assert "shape.ipynb" in json.loads(reason)["errorReason"]


async def test_a_stranger_is_refused(server: JupyterServer) -> None:
    url = f"ws://127.0.0.1:{server.port}/api/collaboration/room/JupyterLab:globalAwareness"

    with pytest.raises(InvalidStatus) as refused:
        await connect(url)

    assert refused.value.response.status_code == 403


async def test_a_foreign_origin_is_refused(server: JupyterServer) -> None:
    async with httpx.AsyncClient(base_url=server.url, follow_redirects=True) as browser:
        await browser.get("tree", params={"token": TOKEN})
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    url = f"ws://127.0.0.1:{server.port}/api/collaboration/room/JupyterLab:globalAwareness"
    headers = {"Cookie": cookies}

    async with connect(url, additional_headers=headers, origin=server.url.rstrip("/")):
        pass
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers=headers, origin="http://evil.example")

    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("feature", ["timeline/a.ipynb", "undo_redo/x", "fork/x"])
async def test_what_is_not_offered_says_so(server: JupyterServer, feature: str) -> None:
    response = await server.request("PUT", f"api/collaboration/{feature}")

    assert response.status_code == 501
    assert "not supported" in response.json()["message"]
