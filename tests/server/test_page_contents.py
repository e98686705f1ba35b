"""What a page is answered about a file whose document it is about to show."""

import json

import pytest

from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer

SHOWN_NOTEBOOK = "?type=notebook&content=0&hash=1"
SHOWN_TEXT = "?type=file&format=text&content=0&hash=1"


@pytest.mark.parametrize(
    ("name", "content", "query", "kind", "reason"),
    [
        ("broken.ipynb", b"{ no", SHOWN_NOTEBOOK, "notebook", "not a notebook (not valid JSON)"),
        ("latin.txt", b"caf\xe9", SHOWN_TEXT, "file", "not UTF-8 text"),
    ],
)
async def test_a_page_is_told_why_once_and_then_its_tab_is_closed(
    server: JupyterServer, name: str, content: bytes, query: str, kind: str, reason: str
) -> None:
    (server.work / name).write_bytes(content)

    answer = await server.request("GET", f"api/contents/{name}{query}")
    page = RoomClient(server, name, kind=kind)
    await page.open()
    code, words = await page.ended()

    assert answer.status_code == 400
    assert answer.json()["message"] == f"{name}: {reason}"
    assert (code, words) == (4500, f"{name}: {reason}")


async def test_a_name_with_a_backslash_is_refused_and_is_no_other_file(
    server: JupyterServer,
) -> None:
    write_notebook(server.work / "a" / "b.ipynb", "another")
    write_notebook(server.work / "a\\b.ipynb", "1")

    answer = await server.request("GET", f"api/contents/a%5Cb.ipynb{SHOWN_NOTEBOOK}")
    body = json.dumps({"format": "json", "type": "notebook"})
    room = await server.request("PUT", "api/collaboration/session/a%5Cb.ipynb", content=body)

    for refusal in (answer, room):
        assert refusal.status_code == 400
        assert "rename it: its name may have no backslash" in refusal.json()["message"]


async def test_what_shows_no_document_is_answered_as_ever(server: JupyterServer) -> None:
    write_notebook(server.work / "good.ipynb", "1")
    (server.work / "bad.ipynb").write_text("{ no")
    (server.work / ".hidden.ipynb").write_text("{ no")

    async def status(path: str) -> int:
        return (await server.request("GET", f"api/contents/{path}")).status_code

    assert await status(f"good.ipynb{SHOWN_NOTEBOOK}") == 200
    assert await status("good.ipynb?type=notebook") == 200
    assert await status("bad.ipynb?content=0") == 200
    assert await status("bad.ipynb?type=file&format=text") == 200
    assert await status("?type=directory&content=0") == 200
    assert await status("bad.ipynb/checkpoints") == 200
    assert await status(f"absent.ipynb{SHOWN_NOTEBOOK}") == 404
    assert await status(f".hidden.ipynb{SHOWN_NOTEBOOK}") == 404
