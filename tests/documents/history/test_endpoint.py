"""Histories over the message fabric."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import RemoteError
from cocalc_jupyter_ext.conat.services.service import call
from cocalc_jupyter_ext.documents.history.api import HistoryApi
from cocalc_jupyter_ext.documents.history.endpoint import history_service, history_subject

from ...support.synced_texts import PROJECT, SyncedProject, open_synced_project


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[SyncedProject]:
    async with open_synced_project(tmp_path) as project:
        api = HistoryApi(project.service)
        async with history_service(await project.world.client(), PROJECT, api):
            yield project


async def ask(project: SyncedProject, name: str, *args: Any) -> Any:
    client = await project.world.client()
    return await call(client, history_subject(PROJECT), name, args, timeout_s=20)


def test_the_subject_is_one_of_the_project() -> None:
    assert history_subject(PROJECT) == f"project.{PROJECT}.0.history.-"


async def test_versions_are_listed_shown_and_restored(project: SyncedProject) -> None:
    first, second = await project.write("one", "two")

    listed = await ask(project, "versions", {"path": "a.txt"})
    shown = await ask(project, "at", {"path": "a.txt", "version": first})
    restored = await ask(project, "restore", {"path": "a.txt", "version": first})

    assert [version["version"] for version in listed["versions"]] == [second, first]
    assert shown["text"] == "one"
    assert restored["version"]["number"] == 3


async def test_the_raw_history_has_the_form_of_the_hub(project: SyncedProject) -> None:
    times = await project.write("one")

    answer = await ask(project, "history", {"path": "a.txt"})

    assert [patch["mesg"]["time"] for patch in answer["patches"]] == times
    assert answer["info"]["project_id"] == PROJECT
    assert await ask(project, "history", {"path": "never"}) == {"patches": [], "info": {}}


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        ("versions", [{"path": "never.txt"}], "never.txt has no history"),
        ("versions", [], "the argument of versions must be an object"),
        ("versions", ["a.txt"], "the argument of versions must be an object"),
        ("nonsense", [{}], "nonsense not defined"),
        ("__init__", [{}], "__init__ not defined"),
    ],
)
async def test_what_cannot_be_answered_is_a_clear_error(
    project: SyncedProject, name: str, args: list[Any], text: str
) -> None:
    with pytest.raises(RemoteError, match=text):
        await ask(project, name, *args)


async def test_what_is_no_call_is_a_clear_error(project: SyncedProject) -> None:
    client = await project.world.client()

    reply = await client.request(history_subject(PROJECT), "nonsense", timeout_s=20)

    assert "a call must be an object" in reply.data["error"]
