"""What was shown to anybody survives: kills, restarts, renames, damaged logs, other programs."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from ..support.waiting import until

CONFIG = """
c = get_config()  # noqa
c.CoCalcExtension.autosave_quiet_s = {quiet_s}
c.CoCalcExtension.autosave_longest_s = 60
c.CoCalcExtension.file_poll_s = 0.1
c.CoCalcExtension.document_close_delay_s = 60
c.FileContentsManager.delete_to_trash = False
"""
NOTEBOOK = {"file_format": "json", "file_type": "notebook"}


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[JupyterServer]:
    """Make a server for one test; the parameter is the quiet time before it writes files."""
    server = JupyterServer(tmp_path, CONFIG.format(quiet_s=getattr(request, "param", 60)))
    yield server
    server.stop()


async def test_nothing_that_was_shown_is_lost_or_doubled_when_the_server_is_killed(
    server: JupyterServer,
) -> None:
    write_notebook(server.work / "typed.ipynb", "start", "second")
    server.start()
    ann, ben = RoomClient(server, "typed.ipynb"), RoomClient(server, "typed.ipynb")
    await ann.connect()
    await ben.connect()

    typing = asyncio.create_task(_type(ann))
    await ben.until(lambda: "w50" in ben.text)
    server.kill()
    await ben.ended()
    await ann.ended()
    typing.cancel()
    seen_by_ben, typed_by_ann = ben.text, ann.text
    assert "start" in (server.work / "typed.ipynb").read_text()
    assert "w50" not in (server.work / "typed.ipynb").read_text()
    server.start()

    async with RoomClient(server, "typed.ipynb") as fresh:
        assert fresh.text.startswith(seen_by_ben)
        await ann.connect(new_session=False)
        await ben.connect(new_session=False)
        await fresh.until(lambda: fresh.text == typed_by_ann)
        await ben.until(lambda: ben.text == typed_by_ann)
        assert [len(page.document.ycells) for page in (ann, ben, fresh)] == [2, 2, 2]
        assert await fresh.save() == "success"
        await ann.disconnect()
        await ben.disconnect()

    saved = nbformat.read(server.work / "typed.ipynb", as_version=4)
    assert [cell.source for cell in saved.cells] == [typed_by_ann, "second"]


async def _type(page: RoomClient) -> None:
    for number in range(10_000):
        page.append_text(f" w{number}")
        await asyncio.sleep(0.002)


async def test_ids_stay_over_restarts_and_renames(server: JupyterServer) -> None:
    write_notebook(server.work / "a.ipynb", "1")
    server.start()
    before = await server.session("a.ipynb", **NOTEBOOK)
    server.stop()
    server.start()

    assert await server.session("a.ipynb", **NOTEBOOK) == before

    await server.request("PATCH", "api/contents/a.ipynb", content='{"path": "b.ipynb"}')

    assert await server.session("b.ipynb", **NOTEBOOK) == before


async def test_an_open_document_follows_its_file_and_its_folder(server: JupyterServer) -> None:
    write_notebook(server.work / "old" / "a.ipynb", "1")
    server.start()

    async with RoomClient(server, "old/a.ipynb") as page:
        await server.request("PATCH", "api/contents/old/a.ipynb", content='{"path": "old/b.ipynb"}')
        await page.until(lambda: page.document.path == "old/b.ipynb")
        await server.request("PATCH", "api/contents/old", content='{"path": "new"}')
        await page.until(lambda: page.document.path == "new/b.ipynb")
        page.append_text("  # moved")
        assert await page.save() == "success"

    assert "# moved" in (server.work / "new" / "b.ipynb").read_text()
    assert not (server.work / "old").exists()


async def test_an_orderly_stop_writes_the_file(server: JupyterServer) -> None:
    write_notebook(server.work / "a.ipynb", "1")
    server.start()
    async with RoomClient(server, "a.ipynb") as page:
        page.append_text("  # typed just now")
        await page.sent()
        async with RoomClient(server, "a.ipynb") as other:
            await other.until(lambda: "just now" in other.text)
        server.stop()

    assert "typed just now" in (server.work / "a.ipynb").read_text()


async def test_the_log_wins_over_an_older_file(server: JupyterServer) -> None:
    write_notebook(server.work / "a.ipynb", "1")
    server.start()
    await _type_and_kill(server, "a.ipynb", "  # unsaved")
    server.start()

    async with RoomClient(server, "a.ipynb") as page:
        assert page.text == "1  # unsaved"


async def test_a_file_changed_meanwhile_is_taken_when_nothing_was_unsaved(
    server: JupyterServer,
) -> None:
    page = await _save_and_stop(server, "a.ipynb")
    write_notebook(server.work / "a.ipynb", "from git", "more")
    server.start()

    async with RoomClient(server, "a.ipynb") as fresh:
        assert fresh.text == "from git"
        assert len(fresh.document.ycells) == 2
        await page.connect(new_session=False)
        await page.until(lambda: page.text == "from git")
        await page.disconnect()


async def test_when_both_changed_both_are_kept(server: JupyterServer) -> None:
    write_notebook(server.work / "a.ipynb", "1")
    server.start()
    await _type_and_kill(server, "a.ipynb", "  # unsaved")
    write_notebook(server.work / "a.ipynb", "from git")
    server.start()

    async with RoomClient(server, "a.ipynb") as page:
        assert page.text == "1  # unsaved"

    copies = list(server.work.glob("a.from-disk-*.ipynb"))
    assert [nbformat.read(copy, as_version=4).cells[0].source for copy in copies] == ["from git"]
    assert "# unsaved" in (server.work / "a.ipynb").read_text()
    assert copies[0].name in server.log


async def test_a_change_on_disk_is_shown_when_nobody_types(server: JupyterServer) -> None:
    write_notebook(server.work / "a.ipynb", "1", "same")
    server.start()

    async with RoomClient(server, "a.ipynb") as page:
        await page.until(lambda: page.document.hash is not None)
        untouched = page.document.ycells[1]["source"]
        write_notebook(server.work / "a.ipynb", "1 + 1", "same")
        await page.until(lambda: page.text == "1 + 1")
        await page.until(lambda: page.document.dirty is False)

        untouched += " cell"
        assert str(page.document.ycells[1]["source"]) == "same cell"


@pytest.mark.parametrize("server", [0.5], indirect=True)
async def test_typing_while_the_file_changes_keeps_every_key(server: JupyterServer) -> None:
    write_notebook(server.work / "a.ipynb", "1", "2")
    server.start()

    async with RoomClient(server, "a.ipynb") as page:
        page.append_text("abc")
        await page.sent()
        await page.save()
        page.append_text("def")
        await page.sent()
        write_notebook(server.work / "a.ipynb", "1", "changed elsewhere")
        page.append_text("ghi")
        await until(lambda: "1abcdefghi" in (server.work / "a.ipynb").read_text())
        assert page.text == "1abcdefghi"

    (copy,) = server.work.glob("a.from-disk-*.ipynb")
    assert "changed elsewhere" in copy.read_text()


@pytest.mark.parametrize("server", [0.2], indirect=True)
async def test_a_deleted_file_comes_back_only_with_an_edit(server: JupyterServer) -> None:
    path = server.work / "a.ipynb"
    write_notebook(path, "1")
    server.start()

    async with RoomClient(server, "a.ipynb") as page:
        path.unlink()
        await until(lambda: "a.ipynb was deleted" in server.log)
        await asyncio.sleep(0.5)
        assert not path.exists()
        page.append_text("  # still here")
        await until(path.exists)

    assert "still here" in path.read_text()


async def test_an_unreadable_log_is_set_aside_and_its_history_not_merged(
    server: JupyterServer,
) -> None:
    page = await _save_and_stop(server, "a.ipynb")
    (log,) = (server.folder / "data" / "cocalc" / "documents").glob("*.db")
    log.write_bytes(b"rubbish" * 1000)
    server.start()

    async with RoomClient(server, "a.ipynb") as fresh:
        assert fresh.text == "12"
        await page.open(new_session=False)
        code, reason = await page.ended()
        assert (code, json.loads(reason)["reason"]) == (1003, "unknown_session")
        assert len(fresh.document.ycells) == 1

    (aside,) = log.parent.glob("*.unreadable-*")
    assert aside.read_bytes().startswith(b"rubbish")
    assert aside.name in server.log


async def test_two_servers_never_write_one_log(server: JupyterServer) -> None:
    write_notebook(server.work / "a.ipynb", "1")
    server.start()
    with JupyterServer(server.folder, server.config) as other:
        async with RoomClient(server, "a.ipynb") as mine:
            theirs = RoomClient(other, "a.ipynb")
            await theirs.open()
            code, reason = await theirs.ended()
            mine.append_text("!")
            assert await mine.save() == "success"

    assert code == 1003
    assert "another Jupyter server" in json.loads(reason)["errorReason"]


async def test_the_log_holds_who_wrote_what_and_shrinks_when_the_document_is_closed(
    server: JupyterServer,
) -> None:
    write_notebook(server.work / "a.ipynb", "1")
    server.start()
    async with RoomClient(server, "a.ipynb") as page:
        for _ in range(200):
            page.append_text("x")
        assert await page.save() == "success"
    server.kill()
    (log,) = (server.folder / "data" / "cocalc" / "documents").glob("*.db")
    headers = _headers(log)
    assert sum("author" in header for header in headers) == 200
    server.start()
    await server.session("a.ipynb", **NOTEBOOK)
    server.stop()

    assert [header["kind"] for header in _headers(log)] == ["snapshot"]


def _headers(log: Path) -> list[dict[str, str]]:
    connection = sqlite3.connect(log)
    try:
        rows = connection.execute("SELECT headers FROM messages WHERE key IS NULL").fetchall()
    finally:
        connection.close()
    return [json.loads(row[0]) for row in rows]


async def _save_and_stop(server: JupyterServer, path: str) -> RoomClient:
    """Stop a server in good order; return the page that saved the one cell "12" before."""
    write_notebook(server.work / path, "1")
    server.start()
    async with RoomClient(server, path) as page:
        page.append_text("2")
        assert await page.save() == "success"
    server.stop()
    return page


async def _type_and_kill(server: JupyterServer, path: str, text: str) -> None:
    page = RoomClient(server, path)
    await page.connect()
    async with RoomClient(server, path) as other:
        page.append_text(text)
        await other.until(lambda: text in other.text)
        server.kill()
        await page.ended()
