"""Asking the project to write a document to its file (syncdoc-jupyter §1.17, §13)."""

import asyncio
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import RequestTimeout
from cocalc_jupyter_ext.documents.syncdoc.disk_save import (
    MAX_ATTEMPTS,
    SaveFailed,
    has_unsaved_changes,
    save_to_disk,
)
from cocalc_jupyter_ext.documents.syncdoc.syncstring import SyncString, open_syncstring
from cocalc_jupyter_ext.documents.syncdoc.utf16 import string_hash

from ...support.persist import World
from ...support.waiting import until

PROJECT = "11111111-2222-4333-8444-555555555555"


async def open_text(world: World, who: str) -> SyncString:
    text = await open_syncstring(
        await world.client(), project_id=PROJECT, path="a.md", participant=who
    )
    world.stack.push_async_callback(text.close)
    return text


def answer_requests(project: SyncString, error: str = "") -> list[Any]:
    """Let the project answer as one that writes files; return what was requested."""
    requests: list[Any] = []

    def answer() -> None:
        save = project.document.record.get().get("save") or {}
        if save.get("state") == "requested":
            requests.append(save)
            done = {"state": "done", "error": error}
            if not error:
                done["hash"] = save["expected_hash"]
            project.document.record.update({"save": done})

    project.document.record.changes.connect(answer)
    return requests


async def test_one_asks_and_returns_when_the_file_is_written(world: World) -> None:
    ann, project = await open_text(world, "ann"), await open_text(world, PROJECT)
    requests = answer_requests(project)
    ann.text = "hello 🐍"
    assert has_unsaved_changes(ann.document)

    await ann.save_to_disk()

    assert [request["expected_hash"] for request in requests] == [string_hash("hello 🐍")]
    assert not has_unsaved_changes(ann.document)


async def test_a_file_that_is_up_to_date_is_not_written_again(world: World) -> None:
    ann, project = await open_text(world, "ann"), await open_text(world, PROJECT)
    requests = answer_requests(project)
    ann.text = "hello"
    await ann.save_to_disk()

    await ann.save_to_disk()

    assert len(requests) == 1


async def test_who_has_nothing_to_save_leaves_the_request_of_another_open(world: World) -> None:
    ann, project = await open_text(world, "ann"), await open_text(world, PROJECT)
    request = {"state": "requested", "hash": string_hash(ann.text), "expected_hash": 5, "time": 1}
    project.document.record.update({"save": request})
    await until(lambda: "save" in ann.document.record.get())
    await until(lambda: ann.document.record.get()["save"] is not None)

    await ann.save_to_disk()

    assert ann.document.record.get()["save"] == request


async def test_the_projects_reason_is_raised(world: World) -> None:
    ann, project = await open_text(world, "ann"), await open_text(world, PROJECT)
    answer_requests(project, "the file is read-only")
    ann.text = "hello"

    with pytest.raises(SaveFailed, match="read-only"):
        await ann.save_to_disk()


async def test_without_a_project_one_does_not_wait_for_ever(world: World) -> None:
    ann = await open_text(world, "ann")
    ann.text = "hello"

    async with asyncio.timeout(60):
        with pytest.raises(RequestTimeout, match="is the project running"):
            await save_to_disk(ann.document, timeout_s=0.1 / MAX_ATTEMPTS)
