"""How the project opens what clients look at (syncdoc-jupyter §1.13, §1.14)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import RequestTimeout
from cocalc_jupyter_ext.conat.sync.dkv import DKV
from cocalc_jupyter_ext.conat.sync.open_files import OpenFiles, open_open_files
from cocalc_jupyter_ext.conat.sync.opening import open_dkv
from cocalc_jupyter_ext.documents.bridge import shared_lists
from cocalc_jupyter_ext.documents.bridge.open_entries import FRESH_MS, ServedFile
from cocalc_jupyter_ext.documents.bridge.open_files_loop import (
    OpenFilesLimits,
    OpenFilesLoop,
    OpenFilesTimes,
)
from cocalc_jupyter_ext.documents.document import Hold
from cocalc_jupyter_ext.documents.errors import FileUnreadableError, FileWriteError
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.stores import RecordStore, open_record

from ...support.persist import World, persist_world
from ...support.waiting import until

PROJECT = "11111111-2222-4333-8444-555555555555"
TEXT = {"type": "string"}
NOTEBOOK = DocumentType(NOTEBOOK_SCHEMA).to_wire()
SYNCED = ".a.ipynb.sage-jupyter2"
QUICK = OpenFilesTimes(look_s=0.01, settled_s=0.0, confirm_s=0.02, retry_s=0.02)


@dataclass
class Disk:
    """The files that there are, and those that are held open."""

    files: set[str] = field(default_factory=lambda: {"a.txt", "a.ipynb", "b.txt"})
    held: list[str] = field(default_factory=list)
    attempts: int = 0
    problem: Exception | None = None
    hangs: bool = False

    async def open(self, file: ServedFile) -> Hold:
        self.attempts += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.problem is not None:
            raise self.problem
        self.held.append(file.path)
        return Hold("clients", lambda _: self.held.remove(file.path))

    async def exists(self, path: str) -> bool:
        if path == "unknown":
            raise FileUnreadableError(path, "no permission")
        return path in self.files


@dataclass
class Project:
    """The loop under test, and what a browser sees of it."""

    world: World
    open_files: OpenFiles
    servers: DKV
    disk: Disk = field(default_factory=Disk)
    loop: OpenFilesLoop | None = None
    now_ms: int = 1_751_552_941_123

    async def serve(
        self, times: OpenFilesTimes = QUICK, max_open: int = 1000, max_unwatched: int = 50
    ) -> OpenFilesLoop:
        self.loop = OpenFilesLoop(
            await self.world.client(),
            PROJECT,
            self.disk,
            limits=OpenFilesLimits(max_open=max_open, max_unwatched=max_unwatched),
            times=times,
            now_ms=lambda: self.now_ms,
        )
        self.world.stack.push_async_callback(self.loop.close)
        self.loop.start()
        return self.loop

    def touch(self, path: str, doctype: Any = None) -> None:
        self.open_files.touch(path, doctype or TEXT)

    def entry(self, path: str) -> dict[str, Any]:
        return self.open_files.get(path) or {}

    async def is_told(self, path: str, problem: str) -> None:
        await until(lambda: problem in str(self.entry(path).get("error")))

    async def is_open(self, *paths: str) -> None:
        await until(lambda: sorted(self.disk.held) == sorted(paths))

    async def wait_at(self, path: str, *, ephemeral: bool = False) -> RecordStore:
        client = await self.world.client()
        record = await open_record(client, PROJECT, path, ephemeral=ephemeral)
        self.world.stack.push_async_callback(record.close)
        return record

    async def init_of(self, path: str) -> dict[str, Any]:
        record = await self.wait_at(path)
        await until(lambda: "init" in record.get())
        return dict(record.get()["init"])


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    async with persist_world(tmp_path) as world:
        client = await world.client()
        servers = await open_dkv(client, name="compute-server-manager", project_id=PROJECT)
        open_files = await open_open_files(
            client, project_id=PROJECT, now_ms=lambda: project.now_ms
        )
        world.stack.push_async_callback(servers.close)
        world.stack.push_async_callback(open_files.close)
        project = Project(world, open_files, servers)
        yield project


async def test_what_is_touched_is_opened_and_said_to_be_open(project: Project) -> None:
    await project.serve()

    project.touch("a.txt")
    project.touch(SYNCED, NOTEBOOK)

    await project.is_open("a.txt", "a.ipynb")
    await until(lambda: project.entry(SYNCED).get("backend", {}).get("id") == 0)
    assert isinstance(project.entry(SYNCED)["backend"]["time"], int)


async def test_what_was_touched_just_before_the_start_is_opened_too(project: Project) -> None:
    project.touch("a.txt")
    await project.open_files.save()

    await project.serve()

    await project.is_open("a.txt")


async def test_a_file_that_nobody_looks_at_any_more_is_left(project: Project) -> None:
    await project.serve()
    project.touch("a.txt")
    project.touch("b.txt")
    await project.is_open("a.txt", "b.txt")
    project.now_ms += FRESH_MS - 1
    project.touch("a.txt")
    await project.open_files.save()

    project.now_ms += 2

    await project.is_open("a.txt")
    await until(lambda: "backend" not in project.entry("b.txt"))
    assert "backend" in project.entry("a.txt")


async def test_a_notebook_that_nobody_looks_at_stays_open_until_there_are_too_many_of_them(
    project: Project,
) -> None:
    """§1.13: a client that comes back runs cells at once."""
    project.disk.files |= {"b.ipynb", "c.ipynb"}
    await project.serve(max_unwatched=1)
    for name in "abc":
        project.touch(f".{name}.ipynb.sage-jupyter2", NOTEBOOK)
        await until(lambda name=name: f"{name}.ipynb" in project.disk.held)
        project.now_ms += 1000

    project.now_ms += FRESH_MS
    project.touch("a.txt")

    await project.is_open("a.txt", "c.ipynb")
    await until(lambda: "backend" not in project.entry(SYNCED))


async def test_a_file_that_is_taken_off_the_list_is_left(project: Project) -> None:
    await project.serve()
    project.touch("a.txt")
    await project.is_open("a.txt")

    project.open_files.delete("a.txt")

    await project.is_open()


async def test_being_open_is_said_again_and_again(project: Project) -> None:
    await project.serve(OpenFilesTimes(look_s=0.01, refresh_s=0.02))
    project.touch("a.txt")
    await until(lambda: "backend" in project.entry("a.txt"))
    first = project.entry("a.txt")["backend"]["time"]

    await until(lambda: project.entry("a.txt")["backend"]["time"] > first)


async def test_garbage_and_files_of_others_do_not_keep_the_rest_from_opening(
    project: Project,
) -> None:
    rows = project.open_files._objects
    rows.set("garbage", {"time": "now", "doctype": 7, "backend": [], "deleted": "x"})
    rows.set("more", {"time": float("inf"), "doctype": TEXT, "error": {"error": []}})
    project.servers.set("b.txt", {"id": 5})
    project.servers.set("a.txt", {"id": [1]})
    project.servers.set("a.txt", "nonsense")
    await project.servers.save()
    await project.serve()

    project.touch("b.txt")
    project.touch("shell.term")
    project.touch("a.txt")

    await project.is_open("a.txt")


async def test_a_file_that_moves_to_a_compute_server_is_left(project: Project) -> None:
    await project.serve()
    project.touch("a.txt")
    await project.is_open("a.txt")

    project.servers.set("a.txt", {"id": 5})

    await project.is_open()


async def test_a_path_outside_the_project_is_refused_with_an_error(project: Project) -> None:
    await project.serve()

    project.touch("../a.txt")
    project.touch("/a.txt")

    await project.is_told("../a.txt", "no '..'")
    await project.is_told("/a.txt", "relative to the project's folder")
    assert project.disk.attempts == 0


@pytest.mark.parametrize(
    ("path", "doctype", "told"),
    [
        ("a\\b.txt", TEXT, "relative to the project's folder"),
        ("a.txt", {"type": "string", "opts": {"ephemeral": True}}, "needs no project"),
    ],
)
async def test_who_waits_for_what_is_no_file_of_the_project_is_told_so(
    project: Project, path: str, doctype: dict[str, Any], told: str
) -> None:
    await project.serve()
    record = await project.wait_at(path, ephemeral=doctype != TEXT)

    project.touch(path, doctype)

    await project.is_told(path, told)
    await until(lambda: told in record.get().get("init", {}).get("error", ""))


async def test_an_error_is_written_once_however_often_opening_is_tried(project: Project) -> None:
    project.disk.problem = FileUnreadableError("a.txt", "not UTF-8 text")
    await project.serve()
    project.touch("a.txt")
    await project.is_told("a.txt", "not UTF-8 text")
    first = project.entry("a.txt")["error"]
    attempts = project.disk.attempts

    await until(lambda: project.disk.attempts > attempts + 3)

    assert project.entry("a.txt")["error"] == first


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (FileWriteError("a.ipynb", "no folder"), "a.ipynb was not saved: no folder"),
        (ZeroDivisionError("oops"), "ZeroDivisionError: oops"),
    ],
)
async def test_who_waits_for_a_file_that_cannot_be_loaded_is_told_why(
    project: Project, problem: Exception, told: str
) -> None:
    project.disk.problem = problem
    await project.serve()

    project.touch(SYNCED, NOTEBOOK)

    assert (await project.init_of(SYNCED))["error"] == told
    await project.is_told(SYNCED, told)
    project.disk.problem = None
    await project.is_open("a.ipynb")
    await until(lambda: "error" not in project.entry(SYNCED))


async def test_a_notebook_that_cannot_be_read_is_ready_and_says_so(project: Project) -> None:
    """§3.2 step 3: a ``fatal`` record is set, and start-up continues."""
    project.disk.problem = FileUnreadableError("a.ipynb", "not valid JSON")
    await project.serve()

    project.touch(SYNCED, NOTEBOOK)

    assert (await project.init_of(SYNCED))["error"] == ""
    await project.is_told(SYNCED, "not valid JSON")


async def test_opening_that_does_not_end_is_given_up(project: Project) -> None:
    project.disk.hangs = True
    await project.serve(OpenFilesTimes(open_s=0.02))

    project.touch("a.txt")

    await project.is_told("a.txt", "not loaded within 0.02 s")


async def test_no_more_files_are_open_than_allowed(project: Project) -> None:
    await project.serve(max_open=1)
    project.touch("a.txt")
    await project.is_open("a.txt")

    project.touch("b.txt")

    await project.is_told("b.txt", "too many files")
    assert project.disk.held == ["a.txt"]
    project.open_files.delete("a.txt")
    await project.is_open("b.txt")


async def test_a_file_that_vanished_is_said_to_be_deleted_and_left(project: Project) -> None:
    await project.serve()
    project.touch("a.txt")
    await project.is_open("a.txt")

    project.disk.files.remove("a.txt")

    await until(lambda: project.open_files.is_deleted("a.txt"))
    await project.is_open()


async def test_a_deleted_file_is_opened_again_when_it_is_back(project: Project) -> None:
    project.disk.files.remove("a.txt")
    project.touch("a.txt")
    project.open_files.set_deleted("a.txt")
    await project.open_files.save()
    await project.serve()
    project.touch("b.txt")
    await project.is_open("b.txt")

    project.disk.files.add("a.txt")

    await project.is_open("a.txt", "b.txt")
    await until(lambda: not project.open_files.is_deleted("a.txt"))


async def test_a_file_that_is_missing_for_a_moment_or_was_opened_just_now_stays(
    project: Project,
) -> None:
    looks = 0

    async def exists(path: str) -> bool:
        nonlocal looks
        looks += 1
        return looks % 2 == 0

    project.disk.exists = exists  # type: ignore[method-assign]  # the file blinks
    await project.serve()
    project.touch("a.txt")

    await until(lambda: looks >= 6)

    assert project.disk.held == ["a.txt"]
    assert not project.open_files.is_deleted("a.txt")


async def test_a_file_is_not_looked_for_right_after_it_was_opened(project: Project) -> None:
    project.disk.files.clear()
    await project.serve(OpenFilesTimes(look_s=0.01, confirm_s=0.01, settled_s=3600, refresh_s=0.05))
    project.touch("a.txt")
    await until(lambda: "backend" in project.entry("a.txt"))
    first = project.entry("a.txt")["backend"]["time"]

    await until(lambda: project.entry("a.txt")["backend"]["time"] > first)

    assert project.disk.held == ["a.txt"]


async def test_what_cannot_be_looked_at_is_not_taken_for_gone(project: Project) -> None:
    project.disk.files.add("unknown")
    await project.serve()
    project.touch("unknown")
    project.touch("a.txt")
    await project.is_open("unknown", "a.txt")
    project.disk.files.remove("a.txt")

    await project.is_open("unknown")

    assert not project.open_files.is_deleted("unknown")


async def test_everything_is_left_at_the_end(project: Project) -> None:
    loop = await project.serve()
    project.touch("a.txt")
    await until(lambda: "backend" in project.entry("a.txt"))

    await loop.close()
    await loop.close()

    assert (project.disk.held, len(loop)) == ([], 0)
    await until(lambda: "backend" not in project.entry("a.txt"))


async def test_what_clients_look_at_is_asked_for_again_until_it_is_known(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    async def unsteady(*args: Any, **options: Any) -> OpenFiles:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise RequestTimeout("nobody answers")
        return await open_open_files(*args, **options)

    monkeypatch.setattr(shared_lists, "open_open_files", unsteady)
    await project.serve()

    project.touch("a.txt")

    await project.is_open("a.txt")
    assert "nobody answers" in caplog.text
