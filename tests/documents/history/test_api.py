"""What callers of the histories get, and how their arguments are checked."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.history.api import MAX_LIMIT, HistoryApi
from cocalc_jupyter_ext.documents.history.errors import BadHistoryRequest

from ...support.synced_texts import PROJECT, SyncedProject, open_synced_project

A = {"path": "a.txt"}


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[SyncedProject]:
    async with open_synced_project(tmp_path) as project:
        yield project


@pytest.fixture
def api(project: SyncedProject) -> HistoryApi:
    return HistoryApi(project.service)


async def test_versions_come_in_pages(api: HistoryApi, project: SyncedProject) -> None:
    times = await project.write("one", "two", "three")

    page = await api.versions({**A, "limit": 2})
    rest = await api.versions({**A, "before": page["versions"][-1]["version"]})

    assert page["type"] == "text"
    assert [each["version"] for each in page["versions"]] == [times[2], times[1]]
    assert (page["has_more"], rest["has_more"]) == (True, False)
    assert [each["version"] for each in rest["versions"]] == times[:1]
    assert page["versions"][0]["number"] == 3


async def test_versions_are_shown_and_compared(api: HistoryApi, project: SyncedProject) -> None:
    first, second = await project.write("one", "two")

    assert (await api.at({**A, "version": first}))["text"] == "one"
    assert (await api.diff({**A, "a": first, "b": second}))["hunks"][0]["old_start"] == 1


async def test_the_blame_of_a_text_is_a_list_of_passages(
    api: HistoryApi, project: SyncedProject
) -> None:
    first, second = await project.write("one\n", "one\ntwo\n")

    blame = await api.blame(A)

    assert blame["lines"] == [
        {"start": 1, "count": 1, "version": first},
        {"start": 2, "count": 1, "version": second},
    ]
    assert blame["versions"][str(first)]["author"] == "ann"


async def test_the_blame_of_a_notebook_has_its_cells(
    api: HistoryApi, project: SyncedProject
) -> None:
    notebook = await project.notebook()
    notebook.set({"type": "cell", "id": "a", "pos": 0, "input": "1"})
    await notebook.commit()
    version = notebook.document.graph.newest_time

    blame = await api.blame({"path": "a.ipynb"})

    assert blame["cells"] == {"a": [{"start": 1, "count": 1, "version": version}]}


async def test_restoring_tells_the_new_version(api: HistoryApi, project: SyncedProject) -> None:
    first, _second = await project.write("one", "two")

    restored = await api.restore({**A, "version": first, "author": "bob"})
    again = await api.restore({**A, "version": first})

    assert restored["version"]["author"] == "bob"
    assert again == {"version": None}
    assert (await api.restore({**A, "version": _second}))["version"]["author"] == PROJECT


async def test_all_answers_can_be_sent_as_json(api: HistoryApi, project: SyncedProject) -> None:
    first, second = await project.write("one", "two")
    options = {**A, "version": first, "a": first, "b": second}

    for name, function in api.functions.items():
        if name != "history":  # it holds dates, which the message fabric can carry
            json.dumps(await function(options))


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("versions", {}, "path must be"),
        ("versions", {"path": ""}, "path must be"),
        ("versions", {"path": 7}, "path must be"),
        ("versions", {"path": "x" * 5000}, "path must be"),
        ("versions", {**A, "limit": 0}, "limit must be between 1"),
        ("versions", {**A, "limit": MAX_LIMIT + 1}, "limit must be between 1"),
        ("versions", {**A, "limit": True}, "limit must be a whole number"),
        ("versions", {**A, "before": "now"}, "before must be a whole number"),
        ("at", A, "version must be given"),
        ("at", {**A, "version": 1.5}, "version must be a whole number"),
        ("diff", {**A, "a": 1}, "b must be given"),
        ("restore", {**A, "version": 1, "cells": "a"}, "cells must be a list"),
        ("restore", {**A, "version": 1, "cells": []}, "cells must be a list"),
        ("restore", {**A, "version": 1, "cells": [1]}, "cells must be ids"),
        ("restore", {**A, "version": 1, "author": 1}, "author must be"),
        ("history", {**A, "start_seq": "x"}, "start_seq must be a whole number"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused(
    api: HistoryApi, name: str, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadHistoryRequest, match=text):
        await api.functions[name](options)
