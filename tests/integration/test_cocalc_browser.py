"""What a CoCalc browser does to open, edit and save files of a real server (syncdoc-jupyter §14).

The model browser has only a bus connection and the contract: it touches the open files, waits for
``init``, commits, and asks for saves by the record.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.sync.open_files import OpenFiles, open_open_files
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.records import RecordSchema
from cocalc_jupyter_ext.documents.syncdoc.stores import RecordStore, open_record
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB, open_syncdb
from cocalc_jupyter_ext.documents.syncdoc.syncstring import SyncString, open_syncstring
from cocalc_jupyter_ext.documents.syncdoc.utf16 import string_hash

from ..support.cocalc_clients import client_of, project_id_of
from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from ..support.synced_notebooks import open_notebook_records
from ..support.waiting import until

NOTEBOOK = DocumentType(NOTEBOOK_SCHEMA).to_wire()
TEXT = {"type": "string"}
SYNCED = ".a.ipynb.sage-jupyter2"

# The tests may run as root, who may write everything: the manager itself must say no.
CONFIG = """
import asyncio
from cocalc_jupyter_ext.server.atomic_files import AtomicFileManager
from pathlib import Path
from tornado.web import HTTPError

class Careful(AtomicFileManager):
    def is_writable(self, path):
        return "locked" not in path and super().is_writable(path)

    async def save(self, model, path=""):
        if "locked" in path:
            raise HTTPError(403, "Permission denied")
        if "slow" in path:
            Path(self.root_dir, "saving").touch()
            await asyncio.sleep(600)
        return await super().save(model, path)

c.ServerApp.contents_manager_class = Careful
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path, config=CONFIG)
    server.work.mkdir()
    write_notebook(server.work / "a.ipynb", "1 + 1", "2 + 2")
    with server:
        yield server


@dataclass
class Browser:
    """One CoCalc browser, whose documents are open until it is closed."""

    client: Client
    project_id: str
    open_files: OpenFiles
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def touch(self, path: str, doctype: Any) -> None:
        self.open_files.touch(path, doctype)

    def entry(self, path: str) -> dict[str, Any]:
        return self.open_files.get(path) or {}

    async def text(self, path: str) -> SyncString:
        self.touch(path, TEXT)
        return await self.stack.enter_async_context(
            open_syncstring(self.client, project_id=self.project_id, path=path)
        )

    async def notebook(self, path: str) -> SyncDB:
        self.touch(path, NOTEBOOK)
        return await self.stack.enter_async_context(
            open_notebook_records(self.client, project_id=self.project_id, path=path)
        )

    async def record(self, path: str) -> RecordStore:
        record = await open_record(self.client, self.project_id, path)
        self.stack.push_async_callback(record.close)
        return record


@asynccontextmanager
async def browser(server: JupyterServer) -> AsyncIterator[Browser]:
    project_id = project_id_of(server)
    async with (
        client_of(server) as client,
        await open_open_files(client, project_id=project_id) as open_files,
        AsyncExitStack() as stack,
    ):
        yield Browser(client, project_id, open_files, stack)


def save_state(document: SyncDocument[Any]) -> dict[str, Any]:
    return dict(document.record.get().get("save") or {})


def request_save(document: SyncDocument[Any]) -> None:
    wanted = {"expected_hash": string_hash(document.text), "time": round(time.time() * 1000)}
    document.record.update({"save": {"state": "requested", "error": "", **wanted}})


async def save(document: SyncDocument[Any]) -> dict[str, Any]:
    """Do what the contract says a browser does, and return what the project answered."""
    await document.save()
    request_save(document)
    await until(lambda: save_state(document).get("state") == "done")
    return save_state(document)


def sources(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]


async def test_a_text_that_nobody_has_open_is_opened_edited_and_saved(
    server: JupyterServer,
) -> None:
    (server.work / "notes.md").write_text("# Notes\n")
    async with browser(server) as page:
        text = await page.text("notes.md")
        assert text.text == "# Notes\n"
        await until(lambda: "init" in text.document.record.get())
        record = text.document.record.get()
        assert (record["init"]["error"], record["init"]["size"]) == ("", len("# Notes\n"))
        await until(lambda: text.document.record.get().get("read_only") is False)
        await until(lambda: page.entry("notes.md").get("backend", {}).get("id") == 0)
        await until(lambda: save_state(text.document).get("hash") == string_hash("# Notes\n"))

        text.text += "🐍 é\n"
        answer = await save(text.document)

        assert answer["error"] == ""
        assert answer["hash"] == string_hash("# Notes\n🐍 é\n")
        assert (server.work / "notes.md").read_text() == "# Notes\n🐍 é\n"


async def test_a_file_of_records_is_opened_edited_and_saved_with_the_keys_of_the_client(
    server: JupyterServer,
) -> None:
    """Task lists and the like (§1.13, §1.14, §2.6)."""
    file = server.work / "todo.tasks"
    file.write_text('{"task_id": "a", "desc": "one"}\n')
    tasks = {"primary_keys": ["task_id"], "string_cols": ["desc"]}
    async with browser(server) as bob:
        bob.touch(file.name, {"type": "db", "patch_format": 1, "opts": {**tasks, "cursors": True}})
        db = await bob.stack.enter_async_context(
            open_syncdb(bob.client, project_id=bob.project_id, path=file.name, **tasks)
        )
        assert db.get() == [{"task_id": "a", "desc": "one"}]
        db.set({"task_id": "a", "desc": "one!"})
        db.set({"task_id": "b", "desc": "two", "done": True})
        answer = await save(db.document)

        assert answer["error"] == ""
        assert answer["hash"] == string_hash(db.document.text)
        lines = file.read_text().splitlines()
        assert lines == [
            '{"desc":"one!","task_id":"a"}',
            '{"desc":"two","done":true,"task_id":"b"}',
        ]
        file.write_text("\n".join([*lines, '{"task_id":"c","desc":"by git"}']) + "\n")
        await until(lambda: db.get_one({"task_id": "c"}) is not None)


async def test_a_new_file_of_records_is_made(server: JupyterServer) -> None:
    async with browser(server) as bob:
        bob.touch("new.board", {"type": "db", "opts": {"primary_keys": ["id"]}})
        db = await bob.stack.enter_async_context(
            open_syncdb(
                bob.client, project_id=bob.project_id, path="new.board", primary_keys=["id"]
            )
        )
        db.set({"id": "x", "data": {"y": [1, None]}})
        assert (await save(db.document))["error"] == ""

    assert (server.work / "new.board").read_text() == '{"data":{"y":[1,null]},"id":"x"}'


CHAT = ".a.ipynb.sage-chat"


async def test_the_side_chat_of_a_file_is_opened_though_its_name_is_hidden_and_not_to_pages(
    server: JupyterServer,
) -> None:
    """§1.13, §3.1: the chat beside ``a.ipynb`` is a hidden file of records."""
    schema = RecordSchema(("date", "sender_id", "event"), frozenset())
    async with browser(server) as page:
        page.touch(CHAT, DocumentType(schema).to_wire())
        chat = await page.stack.enter_async_context(
            open_syncdb(
                page.client,
                project_id=page.project_id,
                path=CHAT,
                primary_keys=["date", "sender_id", "event"],
            )
        )
        chat.set({"date": "2025-07-03", "sender_id": "me", "event": "chat", "input": "hello"})
        assert (await save(chat.document))["error"] == ""
        assert "hello" in (server.work / CHAT).read_text()

        answer = await server.request(
            "PUT", f"api/collaboration/session/{CHAT}", json={"format": "text", "type": "file"}
        )
        assert answer.status_code == 404


async def test_a_file_named_like_records_is_a_text_for_who_names_no_keys(
    server: JupyterServer,
) -> None:
    """§1.13: a document is opened according to the ``doctype`` of its entry."""
    (server.work / "a.tasks").write_text("no record\n")
    async with browser(server) as page:
        text = await page.text("a.tasks")
        assert text.text == "no record\n"


async def test_a_text_that_is_shared_as_such_is_not_opened_as_records(
    server: JupyterServer,
) -> None:
    (server.work / "words.txt").write_text("words")
    async with RoomClient(server, "words.txt", kind="file"), browser(server) as bob:
        await until(lambda: "loaded from file" in server.log)
        record = await bob.record("words.txt")
        await until(lambda: "init" in record.get())
        bob.touch("words.txt", {"type": "db", "opts": {"primary_keys": ["id"]}})

        await until(lambda: "error" in bob.entry("words.txt"))

        assert "shared as a text already" in bob.entry("words.txt")["error"]["error"]
        assert (server.work / "words.txt").read_text() == "words"


async def test_a_notebook_that_nobody_has_open_is_opened_edited_and_saved(
    server: JupyterServer,
) -> None:
    async with browser(server) as page:
        db = await page.notebook(SYNCED)
        cells = sorted(db.get({"type": "cell"}), key=lambda cell: cell["pos"])
        assert [cell["input"] for cell in cells] == ["1 + 1", "2 + 2"]

        db.set({"type": "user", "id": 0, "time": round(time.time() * 1000)})
        db.set({"type": "cell", "id": cells[0]["id"], "input": "print('🐍')"})
        answer = await save(db.document)

        assert answer["error"] == ""
        # Records that say when the file was written are saved too.
        await until(lambda: save_state(db.document)["hash"] == string_hash(db.document.text))
        assert sources(server.work / "a.ipynb") == ["print('🐍')", "2 + 2"]
        assert not list(server.work.glob(".*.sage-jupyter2"))


async def test_a_file_that_a_program_wrote_anew_edits_the_cells_and_says_when_it_was_read(
    server: JupyterServer,
) -> None:
    """syncdoc-jupyter §3.2, §7.1: cells keep the ids of their places."""
    async with browser(server) as page, RoomClient(server, "a.ipynb") as lab:
        db = await page.notebook(SYNCED)
        await until(lambda: (db.get_one({"type": "file"}) or {}).get("last_load") is not None)
        loaded = db.get_one({"type": "file"})["last_load"]
        rewritten = json.loads((server.work / "a.ipynb").read_text())
        for number, source in enumerate(["1 + 1", "of a program"]):
            rewritten["cells"][number] |= {"id": f"anew{number}", "source": source}
        db.set({"type": "cell", "id": "c0", "input": "1 + 1  # typed"})

        (server.work / "a.ipynb").write_text(json.dumps(rewritten))
        await db.commit()
        lab.document.ycells[0]["source"].insert(0, "0 + ")

        await until(lambda: db.get_one({"type": "file"})["last_load"] > loaded)
        await until(lambda: "0 + " in db.get_one({"type": "cell", "id": "c0"})["input"])
        cells = {cell["id"]: cell["input"] for cell in db.get({"type": "cell"})}
        assert cells == {"c0": "0 + 1 + 1  # typed", "c1": "of a program"}
        await lab.until(
            lambda: [c["source"] for c in lab.document.get()["cells"]] == [*cells.values()]
        )


async def test_what_the_server_saves_by_itself_is_not_shown_as_unsaved(
    server: JupyterServer,
) -> None:
    (server.work / "notes.md").write_text("")
    async with browser(server) as page:
        text = await page.text("notes.md")
        text.text = "typed"
        await text.commit()

        await until(lambda: save_state(text.document).get("hash") == string_hash("typed"))
        assert (server.work / "notes.md").read_text() == "typed"


async def test_many_who_type_and_save_at_once_all_get_their_answers(
    server: JupyterServer,
) -> None:
    (server.work / "notes.md").write_text("")

    async def work(text: SyncString, name: str) -> None:
        for number in range(10):
            text.text += f"{name}{number}\n"
            answer = await save(text.document)
            assert answer["error"] == ""

    async with browser(server) as one, browser(server) as two:
        texts = [await one.text("notes.md"), await two.text("notes.md")]
        await asyncio.gather(*map(work, texts, "ab"))

        wanted = {f"{name}{number}" for name in "ab" for number in range(10)}
        await until(lambda: set(texts[0].text.split()) == wanted)
        await until(lambda: texts[0].text == texts[1].text)
        await until(lambda: (server.work / "notes.md").read_text() == texts[0].text)
        await until(lambda: save_state(texts[0].document)["hash"] == string_hash(texts[0].text))


async def test_a_file_that_may_not_be_written_is_read_only_and_saving_says_so(
    server: JupyterServer,
) -> None:
    (server.work / "locked.txt").write_text("stone")
    async with browser(server) as page:
        text = await page.text("locked.txt")
        await until(lambda: text.document.record.get().get("read_only") is True)

        text.text = "water"
        answer = await save(text.document)

        assert "read-only" in answer["error"]
        assert answer["hash"] == string_hash("stone")
        assert (server.work / "locked.txt").read_text() == "stone"


@pytest.mark.parametrize("name", ["new.txt", "Übung 1.txt"])
async def test_a_new_text_is_made(server: JupyterServer, name: str) -> None:
    async with browser(server) as page:
        text = await page.text(name)
        await until((server.work / name).exists)
        text.text = "first words"
        answer = await save(text.document)

        assert answer["error"] == ""
        assert (server.work / name).read_text() == "first words"


async def test_a_new_notebook_is_made(server: JupyterServer) -> None:
    (server.work / "sub").mkdir()
    async with browser(server) as page:
        db = await page.notebook("sub/.new.ipynb.sage-jupyter2")
        await until((server.work / "sub" / "new.ipynb").exists)
        db.set({"type": "cell", "id": "abc123", "pos": 7, "input": "x = 1"})
        answer = await save(db.document)

        assert answer["error"] == ""
        assert "x = 1" in sources(server.work / "sub" / "new.ipynb")


@pytest.mark.parametrize("content", ["", '{"nbformat": 4, "nbformat_minor": 4}'])
async def test_an_empty_file_is_an_empty_notebook(server: JupyterServer, content: str) -> None:
    """§3.2, and what ``editor.newFile`` makes; §7.1: no cells, no metadata."""
    (server.work / "empty.ipynb").write_text(content)
    async with browser(server) as page:
        db = await page.notebook(".empty.ipynb.sage-jupyter2")
        await until(lambda: len(db.get({"type": "cell"})) == 1)
        cell = db.get_one({"type": "cell"})
        assert cell is not None
        db.set({"type": "cell", "id": cell["id"], "input": "x = 1"})
        answer = await save(db.document)

        assert answer["error"] == ""
        assert sources(server.work / "empty.ipynb") == ["x = 1"]


async def test_cells_that_lack_what_every_cell_has_are_opened(server: JupyterServer) -> None:
    """syncdoc-jupyter §7.1."""
    files = {
        "no type": {"source": "text", "metadata": {}},
        "no source": {"cell_type": "code", "metadata": {}, "outputs": None},
        "half a character": {"cell_type": "raw", "metadata": {}, "source": "text \ud83d"},
    }
    for name, cell in files.items():
        content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (server.work / f"{name}.ipynb").write_text(json.dumps(content))
    async with browser(server) as page:
        for name in files:
            db = await page.notebook(f".{name}.ipynb.sage-jupyter2")
            (cell,) = db.get({"type": "cell"})
            db.set({"type": "cell", "id": cell["id"], "input": f"{cell['input']}, typed"})
            await db.commit()
            assert (await save(db.document))["error"] == ""

    assert sources(server.work / "no type.ipynb") == ["text, typed"]
    assert sources(server.work / "no source.ipynb") == [", typed"]
    assert sources(server.work / "half a character.ipynb") == ["text \ufffd, typed"]


async def test_a_removed_file_is_said_to_be_deleted_and_comes_back_when_it_is_opened_again(
    server: JupyterServer,
) -> None:
    (server.work / "notes.md").write_text("precious")
    async with browser(server) as page:
        text = await page.text("notes.md")
        await until(lambda: "backend" in page.entry("notes.md"))
        (server.work / "notes.md").unlink()
        await until(lambda: page.open_files.is_deleted("notes.md"), timeout_s=60)
        await until(lambda: "backend" not in page.entry("notes.md"))
        assert not (server.work / "notes.md").exists()
        await text.close()

        page.open_files.set_not_deleted("notes.md")
        again = await page.text("notes.md")

        await until((server.work / "notes.md").exists)
        assert again.text == (server.work / "notes.md").read_text() == "precious"


async def test_what_cannot_be_opened_is_said_and_nothing_outside_is_touched(
    server: JupyterServer,
) -> None:
    (server.folder / "secret.txt").write_text("secret")
    (server.work / "broken.ipynb").write_text("no json")
    refused = ["../secret.txt", str(server.folder / "secret.txt"), "a/../../secret.txt", "a.ipynb"]
    async with browser(server) as page:
        for path in [*refused, "no such folder/new.txt", "shell.term"]:
            page.touch(path, TEXT)
        page.touch(".broken.ipynb.sage-jupyter2", NOTEBOOK)
        objects = page.open_files._objects
        objects.set("garbage", {"time": "now", "doctype": 7, "backend": [], "deleted": "x"})
        objects.set("more garbage", {"time": float("inf"), "doctype": TEXT, "error": 3})
        told = [*refused, "no such folder/new.txt", ".broken.ipynb.sage-jupyter2"]
        await until(lambda: all("error" in page.entry(path) for path in told))

        broken = await page.notebook(".broken.ipynb.sage-jupyter2")
        await until(lambda: "not valid JSON" in str(broken.get_one({"type": "fatal"})))
        assert (await page.notebook(SYNCED)).get({"type": "cell"})
        assert not any("backend" in page.entry(path) for path in [*told, "shell.term"])
        assert (server.folder / "secret.txt").read_text() == "secret"

        # As old as it was: what could not be read is never taken for older than that word of it.
        written_s = (server.work / "broken.ipynb").stat().st_mtime
        write_notebook(server.work / "broken.ipynb", "mended")
        os.utime(server.work / "broken.ipynb", (written_s, written_s))
        await until(lambda: "error" not in page.entry(".broken.ipynb.sage-jupyter2"))
        await until(lambda: broken.get_one({"type": "fatal"}) is None)
        assert [cell["input"] for cell in broken.get({"type": "cell"})] == ["mended"]
        assert sources(server.work / "broken.ipynb") == ["mended"]


async def test_a_save_that_was_requested_of_a_server_that_died_is_answered_by_the_next(
    server: JupyterServer,
) -> None:
    (server.work / "slow.txt").write_text("before")
    async with browser(server) as page:
        text = await page.text("slow.txt")
        text.text = "after"
        await text.document.save()
        request_save(text.document)
        await text.document.record.save()
        await until((server.work / "saving").exists)
        assert save_state(text.document)["state"] == "requested"
        server.kill()
        server.config = ""
        server.start()

        page.touch("slow.txt", TEXT)
        await until(lambda: save_state(text.document)["state"] == "done", timeout_s=60)

        assert save_state(text.document)["error"] == ""
        assert save_state(text.document)["hash"] == string_hash("after")
        assert (server.work / "slow.txt").read_text() == "after"
