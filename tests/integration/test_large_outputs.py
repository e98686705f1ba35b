"""Large outputs of real kernels are beside the document for everybody, and in every file.

Contract: syncdoc-jupyter §4.7, §7; design D7, D19.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cocalc_jupyter_ext.conat.services.named import ServiceClient, service_subject
from cocalc_jupyter_ext.conat.sync.opening import open_akv
from cocalc_jupyter_ext.documents.blobs.placeholders import PLACEHOLDER

from ..support.cocalc_clients import client_of, open_cocalc_notebook, project_id_of
from ..support.notebook_runs import NotebookRuns
from ..support.notebooks import notebook, write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from ..support.waiting import until
from .test_compatibility import nbmodel_client

CONFIG = """
c.CoCalcExtension.autosave_quiet_s = 0.1
"""
PICTURE = bytes(range(256)) * 400
SHOW_PICTURE = """
from IPython.display import Image, HTML, display
display(Image(bytes(range(256)) * 400, format="png"))
display(HTML("<b>small</b>"))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with JupyterServer(tmp_path_factory.mktemp("server"), CONFIG) as server:
        yield server


def sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def outputs_on_disk(path: Path) -> list[Any]:
    return list(json.loads(path.read_text())["cells"][0]["outputs"])


def pictures(outputs: list[Any]) -> list[bytes]:
    shown = [output["data"] for output in outputs if output["output_type"] == "display_data"]
    return [base64.b64decode(data["image/png"]) for data in shown if "image/png" in data]


async def test_a_picture_is_elsewhere_for_all_participants_and_in_the_file(
    server: JupyterServer,
) -> None:
    runs = await NotebookRuns.start(server, "picture.ipynb", SHOW_PICTURE)
    async with (
        RoomClient(server, "picture.ipynb") as page,
        open_cocalc_notebook(server, "picture.ipynb") as db,
        client_of(server) as client,
    ):
        assert await runs.run("c0") == ["ok"]

        await page.until(lambda: len(page.document.ycells[0]["outputs"]) == 2)
        shown = page.document.ycells[0]["outputs"].to_py()
        assert shown[0]["data"][PLACEHOLDER] == {
            "blobs": {"image/png": {"sha1": sha1(PICTURE), "size": len(PICTURE)}}
        }
        assert shown[0]["data"]["text/plain"] == "<IPython.core.display.Image object>"
        assert shown[1]["data"]["text/html"] == "<b>small</b>"  # small: shown by any page
        assert len(page.doc.get_update()) < 10_000

        def output() -> Any:
            return (db.get_one({"type": "cell", "id": "c0"}) or {}).get("output") or {}

        await until(lambda: len(output()) == 2)
        assert output()["0"]["data"]["image/png"] == sha1(PICTURE)
        assert output()["1"]["data"]["iframe"] == sha1(b"<b>small</b>")
        assert "text/html" not in output()["1"]["data"]
        blobs = await open_akv(
            client, name="jupyter:picture.ipynb", project_id=project_id_of(server)
        )
        async with blobs:  # as a CoCalc browser reads them: get by key, at once
            assert await blobs.get(sha1(PICTURE)) == PICTURE
            assert await blobs.get(sha1(b"<b>small</b>")) == b"<b>small</b>"

        file = server.work / "picture.ipynb"
        await until(lambda: file.exists() and pictures(outputs_on_disk(file)) == [PICTURE])
        assert PLACEHOLDER not in file.read_text()
        model = (await server.request("GET", "api/contents/picture.ipynb")).json()
        assert pictures(model["content"]["cells"][0]["outputs"]) == [PICTURE]
        download = await server.request("GET", "files/picture.ipynb?download=1")
        assert pictures(json.loads(download.content)["cells"][0]["outputs"]) == [PICTURE]


async def test_a_picture_that_a_page_has_seen_survives_the_death_of_the_server(
    tmp_path: Path,
) -> None:
    # The file is not written in time, so that all there is are the log and the store.
    config = "c.CoCalcExtension.autosave_quiet_s = 60\nc.CoCalcExtension.autosave_longest_s = 60\n"
    with JupyterServer(tmp_path, config) as server:
        runs = await NotebookRuns.start(server, "a.ipynb", SHOW_PICTURE)
        async with RoomClient(server, "a.ipynb") as page:
            runs_done = asyncio.create_task(runs.run("c0"))
            await page.until(lambda: len(page.document.ycells[0]["outputs"]) > 0, timeout_s=60)
            server.kill()
            await asyncio.gather(runs_done, return_exceptions=True)
            await page.ended()
        assert outputs_on_disk(server.work / "a.ipynb") == []

        server.start()
        async with RoomClient(server, "a.ipynb") as page:
            shown = page.document.ycells[0]["outputs"].to_py()
            assert shown[0]["data"][PLACEHOLDER]["blobs"]["image/png"]["sha1"] == sha1(PICTURE)
            answer = await server.request("GET", f"cocalc/blobs/{sha1(PICTURE)}?type=image/png")
            assert answer.content == PICTURE
            assert await page.save() == "success"
        assert pictures(outputs_on_disk(server.work / "a.ipynb")) == [PICTURE]


async def test_a_notebook_with_large_outputs_is_a_small_document(server: JupyterServer) -> None:
    content = notebook(*["show()"] * 20)
    for number, cell in enumerate(content["cells"]):
        picture = base64.b64encode(PICTURE + bytes([number])).decode() + "\n"
        cell["outputs"] = [
            {
                "output_type": "display_data",
                "data": {"image/png": picture, "text/plain": "x"},
                "metadata": {"needs_background": "light"},
            }
        ]
    file = server.work / "large.ipynb"
    file.write_text(json.dumps(content))

    async with RoomClient(server, "large.ipynb") as page:
        assert len(page.doc.get_update()) < 50_000
        page.append_text("#")
        assert await page.save() == "success"
        written = nbformat.read(file, as_version=nbformat.NO_CONVERT)
        for before, after in zip(content["cells"], written["cells"], strict=True):
            assert after["outputs"] == before["outputs"]

        # Another program changes a picture and nothing else.
        written["cells"][3]["outputs"][0]["data"]["image/png"] = base64.b64encode(
            PICTURE[::-1]
        ).decode()
        file.write_text(json.dumps(written))
        await page.until(
            lambda: (
                page.document.ycells[3]["outputs"].to_py()[0]["data"][PLACEHOLDER]["blobs"][
                    "image/png"
                ]["sha1"]
                == sha1(PICTURE[::-1])
            )
        )
        assert page.document.ycells[2]["outputs"].to_py()[0]["data"][PLACEHOLDER]


async def test_long_text_of_a_file_is_in_records_up_to_the_limit_of_a_cell(
    server: JupyterServer,
) -> None:
    """§4.6, §7.1: clients ask for the rest; pages and the file have all of it."""
    write_notebook(server.work / "long.ipynb", "1")
    content = json.loads((server.work / "long.ipynb").read_text())
    short = {"output_type": "stream", "name": "stdout", "text": "short"}
    long = {"output_type": "stream", "name": "stderr", "text": "long" * 100_000}
    content["cells"][0]["outputs"] = [short, long]
    (server.work / "long.ipynb").write_text(json.dumps(content))
    subject = service_subject("api", project_id=project_id_of(server), path="long.ipynb")
    async with (
        RoomClient(server, "long.ipynb") as page,
        open_cocalc_notebook(server, "long.ipynb") as db,
        client_of(server) as client,
    ):
        (cell,) = db.get({"type": "cell"})
        marked = {"0": {"name": "stdout", "text": "short"}, "1": {"more_output": True}}
        assert cell["output"] == marked
        api = ServiceClient(client, subject, timeout_s=30)
        assert await api.call("more_output", cell["id"]) == [
            {"name": "stderr", "text": long["text"]}
        ]

        db.set({"type": "cell", "id": cell["id"], "pos": 5, "input": "2"})
        await db.commit()
        await page.until(lambda: page.text == "2")
        assert await page.save() == "success"
    (saved,) = json.loads((server.work / "long.ipynb").read_text())["cells"]
    assert "".join(saved["outputs"][1]["text"]) == long["text"]


async def test_what_the_store_has_lost_is_found_in_the_file(tmp_path: Path) -> None:
    with JupyterServer(tmp_path, CONFIG) as server:
        write_notebook(server.work / "a.ipynb", "1")
        content = json.loads((server.work / "a.ipynb").read_text())
        content["cells"][0]["outputs"] = [
            {
                "output_type": "display_data",
                "data": {"image/png": base64.b64encode(PICTURE).decode()},
                "metadata": {},
            }
        ]
        (server.work / "a.ipynb").write_text(json.dumps(content))
        async with RoomClient(server, "a.ipynb") as page:
            assert PLACEHOLDER in page.document.ycells[0]["outputs"].to_py()[0]["data"]
        server.stop()
        for blob in (tmp_path / "data" / "cocalc" / "blobs").glob("*/*"):
            blob.unlink()

        server.start()
        async with RoomClient(server, "a.ipynb") as page:
            answer = await server.request("GET", f"cocalc/blobs/{sha1(PICTURE)}?type=image/png")
            assert answer.content == PICTURE
            page.append_text("#")
            assert await page.save() == "success"
        assert pictures(outputs_on_disk(server.work / "a.ipynb")) == [PICTURE]


async def test_a_pasted_picture_is_complete_in_whatever_file_it_is_saved(
    server: JupyterServer,
) -> None:
    runs = await NotebookRuns.start(server, "source.ipynb", SHOW_PICTURE)
    assert await runs.run("c0") == ["ok"]
    async with RoomClient(server, "source.ipynb") as page:
        cell = page.document.ycells[0].to_py()
    assert PLACEHOLDER in cell["outputs"][0]["data"]

    # "Save notebook as" of a page, and any other program that writes what it has from a page.
    model = {"type": "notebook", "format": "json", "content": {**notebook(), "cells": [cell]}}
    del cell["execution_state"]
    answer = await server.request("PUT", "api/contents/copy.ipynb", content=json.dumps(model))

    assert answer.status_code == 201
    assert pictures(outputs_on_disk(server.work / "copy.ipynb")) == [PICTURE]


async def test_a_file_that_a_client_attaches_is_in_the_notebook_of_all(
    server: JupyterServer,
) -> None:
    content = notebook()
    content["cells"] = [
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "![x](attachment:x.png)"}
    ]
    (server.work / "attached.ipynb").write_text(json.dumps(content))
    (server.work / "upload.png").write_bytes(PICTURE)
    async with (
        RoomClient(server, "attached.ipynb") as page,
        open_cocalc_notebook(server, "attached.ipynb") as db,
    ):
        wanted = {"x.png": {"type": "load", "value": "upload.png"}}
        outside = {"y.png": {"type": "load", "value": "../../../../etc/hostname"}}
        db.set({"type": "cell", "id": "m", "attachments": wanted})
        await db.commit()

        def attachments() -> Any:
            return (db.get_one({"type": "cell", "id": "m"}) or {}).get("attachments", {})

        await until(lambda: attachments().get("x.png", {}).get("type") == "sha1")
        assert attachments()["x.png"]["value"] == sha1(PICTURE)
        await until(lambda: page.document.ycells[0].get("attachments") is not None)
        shown = page.document.ycells[0].to_py()["attachments"]
        assert base64.b64decode(shown["x.png"]["image/png"]) == PICTURE

        db.set({"type": "cell", "id": "m", "attachments": outside})
        await db.commit()
        await until(lambda: attachments().get("y.png", {}).get("type") != "load")
        assert await page.save() == "success"
    written = nbformat.read(server.work / "attached.ipynb", as_version=nbformat.NO_CONVERT)
    nbformat.validate(written)
    assert list(written.cells[0].attachments) == ["x.png"]


async def test_a_version_of_the_history_shows_its_pictures(server: JupyterServer) -> None:
    runs = await NotebookRuns.start(server, "history.ipynb", SHOW_PICTURE)
    async with open_cocalc_notebook(server, "history.ipynb") as db:
        assert await runs.run("c0") == ["ok"]

        def output() -> Any:
            return (db.get_one({"type": "cell", "id": "c0"}) or {}).get("output") or {}

        await until(lambda: len(output()) == 2)
        version = db.versions()[-1].time
        answer = await server.request("GET", f"cocalc/history/at/history.ipynb?version={version}")
        outputs = answer.json()["notebook"]["cells"][0]["outputs"]
        assert pictures(outputs) == [PICTURE]
        assert outputs[1]["data"]["text/html"] == "<b>small</b>"
        first = db.versions()[0].time
        answer = await server.request(
            "GET", f"cocalc/history/diff/history.ipynb?a={first}&b={version}"
        )
        assert answer.status_code == 200


async def test_a_removed_file_comes_back_with_its_pictures(server: JupyterServer) -> None:
    runs = await NotebookRuns.start(server, "removed.ipynb", SHOW_PICTURE)
    assert await runs.run("c0") == ["ok"]
    file = server.work / "removed.ipynb"
    await until(lambda: pictures(outputs_on_disk(file)) == [PICTURE])
    async with RoomClient(server, "removed.ipynb") as page:
        file.unlink()
        assert await page.save() == "success"
    assert pictures(outputs_on_disk(file)) == [PICTURE]


async def test_blobs_follow_a_notebook_to_its_new_name(server: JupyterServer) -> None:
    runs = await NotebookRuns.start(server, "old.ipynb", SHOW_PICTURE)
    async with RoomClient(server, "old.ipynb"), client_of(server) as client:
        assert await runs.run("c0") == ["ok"]
        moved = json.dumps({"path": "new.ipynb"})
        answer = await server.request("PATCH", "api/contents/old.ipynb", content=moved)
        assert answer.status_code == 200

        async with await open_akv(
            client, name="jupyter:new.ipynb", project_id=project_id_of(server)
        ) as blobs:
            async with asyncio.timeout(60):
                while await blobs.get(sha1(PICTURE)) != PICTURE:
                    await asyncio.sleep(0.05)


async def test_a_participant_without_our_page_sees_text_and_breaks_nothing(
    server: JupyterServer,
) -> None:
    """``jupyter_nbmodel_client`` is a participant like any other and changes nothing."""
    runs = await NotebookRuns.start(server, "client.ipynb", SHOW_PICTURE)
    assert await runs.run("c0") == ["ok"]
    async with nbmodel_client(server, "client.ipynb") as client:
        shown = client[0]["outputs"][0]["data"]
        assert shown["text/plain"] == "<IPython.core.display.Image object>"
        client.add_markdown_cell("seen")
    file = server.work / "client.ipynb"
    await until(lambda: len(json.loads(file.read_text())["cells"]) == 2)
    assert pictures(outputs_on_disk(file)) == [PICTURE]
