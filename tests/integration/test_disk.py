"""The plain file of a document that people edit, whatever happens to it on disk.

In all of these nothing that anybody typed is lost, and what is wrong is said where people see it.
"""

import asyncio
import json
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from websockets.asyncio.client import connect

from cocalc_jupyter_ext.server.event_emitter import SESSION_SCHEMA

from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from ..support.waiting import until

CONFIG = """
c = get_config()  # noqa
c.CoCalcExtension.autosave_quiet_s = 0.2
c.CoCalcExtension.autosave_longest_s = 1.0
c.CoCalcExtension.file_poll_s = 0.1
c.FileContentsManager.delete_to_trash = False
"""


class OrdinaryServer(JupyterServer):
    """A server that has to respect the modes of files, also where tests run as root."""

    def _command(self) -> list[str]:
        drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        return [*(drop if os.geteuid() == 0 else []), *super()._command()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Run a server with short times; tests use file names of their own."""
    with OrdinaryServer(tmp_path_factory.mktemp("disk"), CONFIG) as server:
        yield server


def page_of(server: JupyterServer, path: str) -> RoomClient:
    kind = "notebook" if path.endswith(".ipynb") else "file"
    return RoomClient(server, path, kind=kind)


async def put(server: JupyterServer, path: str, model: dict[str, Any]) -> None:
    """Save through the contents API, as another extension does."""
    body = json.dumps(model)
    (await server.request("PUT", f"api/contents/{path}", content=body)).raise_for_status()


@pytest.mark.parametrize("mode", [0o640, 0o755])
async def test_mode_and_owner_stay(server: JupyterServer, mode: int) -> None:
    path = server.work / f"mode-{mode:o}.txt"
    path.write_text("a")
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, -1, 54321)
    before = path.stat()

    async with page_of(server, path.name) as page:
        page.append_text("b")
        assert await page.save() == "success"

    after = path.stat()
    assert path.read_text() == "ab"
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


async def test_a_link_stays_a_link_and_its_target_is_written(server: JupyterServer) -> None:
    target = server.work / "kept" / "target.txt"
    target.parent.mkdir()
    target.write_text("a")
    link = server.work / "link.txt"
    link.symlink_to("kept/target.txt")

    async with page_of(server, "link.txt") as page:
        page.append_text("b")
        assert await page.save() == "success"
        target.write_text("from elsewhere")
        await page.until(lambda: page.text == "from elsewhere")

    assert link.is_symlink()
    assert not target.is_symlink()
    assert sorted(each.name for each in target.parent.iterdir()) == ["target.txt"]


async def test_a_read_only_file_stays_and_everybody_is_told(server: JupyterServer) -> None:
    path = server.work / "read-only.txt"
    path.write_text("a")
    path.chmod(0o444)

    async with page_of(server, path.name) as page, page_of(server, path.name) as other:
        page.append_text("b")
        await other.until(lambda: other.text == "ab")
        await other.until(lambda: "read-only.txt" in problem_of(other))
        assert await page.save() == "failed"
        assert "read-only.txt was not saved" in server.log
        assert path.read_text() == "a"
        assert path.stat().st_mode & 0o777 == 0o444

        path.chmod(0o644)
        assert await page.save() == "success"
        await other.until(lambda: not problem_of(other))

    assert path.read_text() == "ab"


def problem_of(page: RoomClient) -> str:
    """Return what the document's shared state says about its file."""
    return str(page.document.ystate.get("file_problem") or "")


@pytest.mark.parametrize(
    ("name", "rubbish"), [("rubbish.ipynb", "{ no notebook"), ("rubbish.txt", b"\xff\xfe\x00")]
)
async def test_rubbish_in_the_file_never_reaches_the_document(
    server: JupyterServer, name: str, rubbish: str | bytes
) -> None:
    path = server.work / name
    if name.endswith(".ipynb"):
        write_notebook(path, "a")
    else:
        path.write_text("a")
    raw = rubbish if isinstance(rubbish, bytes) else rubbish.encode()

    async with page_of(server, name) as page:
        path.write_bytes(raw)
        await page.until(lambda: name in problem_of(page))
        assert page.text == "a"
        page.append_text("b")
        assert await page.save() == "success"
        await page.until(lambda: not problem_of(page))

    (copy,) = server.work.glob("rubbish.from-disk-*" + path.suffix)
    assert copy.read_bytes() == raw
    assert "ab" in path.read_text()


@pytest.mark.parametrize(
    ("name", "megabytes"), [("large.txt", 100), ("large.ipynb", 160), ("code.py", 33)]
)
async def test_a_file_that_is_too_large_is_refused_with_a_reason_and_without_reading_it(
    server: JupyterServer, name: str, megabytes: int
) -> None:
    path = server.work / name
    with path.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    before = memory_of(server)

    page = page_of(server, name)
    await page.open()
    code, reason = await page.ended()

    assert code == 1003
    assert "too large" in json.loads(reason)["errorReason"]
    assert f"{name}: {megabytes} MB are too large to edit together" in server.log
    assert memory_of(server) - before < 20_000_000
    path.unlink()


def memory_of(server: JupyterServer) -> int:
    """Return the most memory that the server ever used, in bytes."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


async def test_a_full_disk_is_told_and_loses_nothing(server: JupyterServer) -> None:
    path = server.work / "full.txt"
    path.write_text("x" * 2_000_000)
    assert server.process is not None
    pid = server.process.pid

    async with page_of(server, path.name) as page, page_of(server, path.name) as other:
        whole = resource.prlimit(pid, resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        try:
            page.append_text("typed while it was full")
            await other.until(lambda: other.text.endswith("typed while it was full"))
            await other.until(lambda: "full.txt" in problem_of(other))
            assert await page.save() == "failed"
            assert path.read_text() == "x" * 2_000_000
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, whole)
        assert await page.save() == "success"
        await other.until(lambda: not problem_of(other))

    assert path.read_text().endswith("typed while it was full")
    assert not list(server.work.glob(".full.txt*"))


@pytest.mark.parametrize("target", ["moved/there.txt", "renamed.txt"])
async def test_a_document_follows_a_file_that_is_moved_in_a_terminal(
    server: JupyterServer, target: str
) -> None:
    path = server.work / f"from-{Path(target).stem}.txt"
    path.write_text("a")
    (server.work / "moved").mkdir(exist_ok=True)

    async with page_of(server, path.name) as page:
        page.append_text("b")
        assert await page.save() == "success"
        path.rename(server.work / target)
        await page.until(lambda: page.document.path == target)
        page.append_text("c")
        assert await page.save() == "success"
        async with page_of(server, target) as other:
            assert other.room_id == page.room_id

    assert not path.exists()
    assert (server.work / target).read_text() == "abc"


async def test_a_moved_folder_takes_its_documents_along(server: JupyterServer) -> None:
    (server.work / "old" / "inner").mkdir(parents=True)
    write_notebook(server.work / "old" / "inner" / "a.ipynb", "1")

    async with page_of(server, "old/inner/a.ipynb") as page:
        (server.work / "old").rename(server.work / "new")
        await page.until(lambda: page.document.path == "new/inner/a.ipynb")
        page.append_text("23")
        assert await page.save() == "success"

    assert not (server.work / "old").exists()
    saved = nbformat.read(server.work / "new" / "inner" / "a.ipynb", as_version=4)
    assert saved.cells[0].source == "123"


async def test_another_file_in_the_place_of_a_deleted_one_is_not_followed(
    server: JupyterServer,
) -> None:
    path = server.work / "gone.txt"
    path.write_text("a")

    async with page_of(server, path.name) as page:
        path.unlink()
        (server.work / "other.txt").write_text("b")  # many disks give it the same number
        await page.until(lambda: "gone.txt was deleted" in problem_of(page))
        assert (page.document.path, page.text) == ("gone.txt", "a")
        await asyncio.sleep(0.5)
        assert not path.exists()
        page.append_text("!")
        assert await page.save() == "success"
        await page.until(lambda: not problem_of(page))

    assert path.read_text() == "a!"
    assert (server.work / "other.txt").read_text() == "b"


async def test_the_file_follows_the_typing(server: JupyterServer) -> None:
    path = server.work / "typed.txt"
    path.write_text("")

    async with page_of(server, path.name) as page:
        start = time.monotonic()
        while not path.read_text():  # with no quiet of 0.2 s in between
            page.append_text("k")
            await asyncio.sleep(0.05)
        assert time.monotonic() - start < 5
        page.append_text(" the end")
        await until(lambda: path.read_text().endswith(" the end"))


async def test_what_another_extension_saves_is_merged_with_what_people_type(
    server: JupyterServer,
) -> None:
    write_notebook(server.work / "paired.ipynb", "1", "2", "3")

    async with page_of(server, "paired.ipynb") as page:
        model = (await server.request("GET", "api/contents/paired.ipynb")).json()
        page.append_text(" # typed")
        model["content"]["cells"][1]["source"] = "2 # from the paired script"
        del model["content"]["cells"][2]
        await put(
            server, "paired.ipynb", {key: model[key] for key in ("type", "format", "content")}
        )
        page.append_text(" and on")
        wanted = ["1 # typed and on", "2 # from the paired script"]
        await page.until(lambda: [str(cell["source"]) for cell in page.document.ycells] == wanted)
        assert await page.save() == "success"

    saved = nbformat.read(server.work / "paired.ipynb", as_version=4)
    assert [cell.source for cell in saved.cells] == wanted
    assert not list(server.work.glob("paired.from-disk-*"))


async def test_the_events_tell_what_is_wrong(server: JupyterServer) -> None:
    path = server.work / "told.txt"
    path.write_text("a")
    async with (
        connect(server.socket_url("api/events/subscribe")) as events,
        page_of(server, path.name),
        asyncio.timeout(60),
    ):
        path.unlink()
        while True:
            data = json.loads(await events.recv())
            if data["schema_id"] == SESSION_SCHEMA and data["level"] == "ERROR":
                break
    assert "told.txt was deleted" in data["msg"]


async def test_with_the_settings_that_nobody_changed_the_file_is_written_within_two_seconds(
    tmp_path: Path,
) -> None:
    path = tmp_path / "work" / "a.txt"
    path.parent.mkdir()
    path.write_text("")
    with JupyterServer(tmp_path) as server:
        async with page_of(server, "a.txt") as page:
            page.append_text("typed")
            await page.sent()
            await until(lambda: path.read_text() == "typed", timeout_s=2)
