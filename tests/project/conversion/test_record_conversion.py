"""syncdoc-jupyter §10: conversions that the records of a notebook ask for."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB
from cocalc_jupyter_ext.project.conversion.converter import ConversionFailed
from cocalc_jupyter_ext.project.conversion.orders import ConversionOrder
from cocalc_jupyter_ext.project.conversion.record_conversion import MAX_ERROR, RecordConversion

from ...support.persist import World, persist_world
from ...support.synced_notebooks import PROJECT, join_notebook
from ...support.waiting import until


class Notebook:
    """A notebook as the project and a client have it; conversions end when the test says so."""

    def __init__(self, world: World, project: SyncDB, person: SyncDB) -> None:
        self.world = world
        self.project = project
        self.person = person
        self.orders: list[ConversionOrder] = []
        self.may_end = asyncio.Event()
        self.problem: Exception | None = None
        self.states: list[Any] = []
        person.on_change(lambda *_: self.states.append(self.record.get("state")))
        self.conversion = RecordConversion(
            project.document, lambda: "a.ipynb", self.convert, clock=lambda: 7.0
        )

    async def convert(self, order: ConversionOrder) -> None:
        self.orders.append(order)
        await self.may_end.wait()
        if self.problem is not None:
            raise self.problem

    async def ask(self, args: object) -> None:
        self.person.set({"type": "nbconvert", "args": args, "state": "start", "error": None})
        await self.person.commit()

    @property
    def record(self) -> dict[str, Any]:
        return dict(self.person.get_one({"type": "nbconvert"}) or {})

    async def until_done(self) -> dict[str, Any]:
        await until(lambda: self.record.get("state") == "done")
        return self.record


@pytest.fixture
async def notebook(tmp_path: Path) -> AsyncIterator[Notebook]:
    async with persist_world(tmp_path) as world:
        project, person = await join_notebook(world, PROJECT), await join_notebook(world, "bob")
        notebook = Notebook(world, project, person)
        notebook.conversion.start()
        yield notebook
        await notebook.conversion.close()


async def test_everybody_sees_how_far_a_conversion_is(notebook: Notebook) -> None:
    await notebook.ask(["--to", "html", "--template", "classic"])

    await until(lambda: notebook.record.get("state") == "run")
    assert notebook.record["start"] == 7_000
    assert "error" not in notebook.record
    notebook.may_end.set()
    done = await notebook.until_done()

    assert done == {
        "type": "nbconvert",
        "args": ["--to", "html", "--template", "classic"],
        "state": "done",
        "start": 7_000,
        "time": 7_000,
    }
    assert notebook.orders == [ConversionOrder("html", ("--template=classic",), "a.ipynb")]
    assert [state for state in notebook.states if state is not None][-2:] == ["run", "done"]


async def test_a_failure_is_told_in_the_record(notebook: Notebook) -> None:
    notebook.problem = ConversionFailed("x" * (MAX_ERROR + 1))
    notebook.may_end.set()

    await notebook.ask(["--to", "html"])

    assert (await notebook.until_done())["error"] == "x" * MAX_ERROR


@pytest.mark.parametrize("args", ["--to html", None, 7, ["--execute"], [7]])
async def test_arguments_that_are_not_taken_end_it_at_once(notebook: Notebook, args: Any) -> None:
    await notebook.ask(args)

    done = await notebook.until_done()

    assert done["error"]
    assert notebook.orders == []


async def test_an_unexpected_failure_is_told_too_and_the_next_conversion_works(
    notebook: Notebook,
) -> None:
    notebook.problem = OSError("no place in the folder")
    notebook.may_end.set()
    await notebook.ask([])
    assert (await notebook.until_done())["error"] == "no place in the folder"

    notebook.problem = None
    await notebook.ask(["--to", "python"])
    await until(lambda: len(notebook.orders) == 2)
    await until(lambda: notebook.record["state"] == "done")
    assert "error" not in notebook.record


@pytest.mark.parametrize("state", ["run", "done", "other", None])
async def test_other_states_ask_for_nothing(notebook: Notebook, state: str | None) -> None:
    notebook.person.set({"type": "nbconvert", "args": [], "state": state, "time": 1})
    await notebook.person.commit()
    await until(lambda: (notebook.project.get_one({"type": "nbconvert"}) or {}).get("time") == 1)

    assert notebook.orders == []


async def test_who_asks_anew_meanwhile_gets_a_conversion_of_their_own(notebook: Notebook) -> None:
    await notebook.ask(["--to", "html"])
    await until(lambda: notebook.record.get("state") == "run")
    await notebook.ask(["--to", "python"])
    await until(
        lambda: (notebook.project.get_one({"type": "nbconvert"}) or {}).get("state") == "start"
    )
    notebook.may_end.set()

    await notebook.until_done()

    assert [order.to for order in notebook.orders] == ["html", "python"]


async def test_what_was_asked_for_before_the_project_came_is_done(
    notebook: Notebook,
) -> None:
    await notebook.conversion.close()
    await notebook.ask(["--to", "html"])
    await until(lambda: notebook.project.get_one({"type": "nbconvert"}) is not None)
    notebook.may_end.set()

    again = RecordConversion(notebook.project.document, lambda: "a.ipynb", notebook.convert)
    again.start()
    try:
        await notebook.until_done()
    finally:
        await again.close()
    assert len(notebook.orders) == 1


async def test_when_the_notebook_is_closed_nobody_waits_for_ever(notebook: Notebook) -> None:
    await notebook.ask(["--to", "html"])
    await until(lambda: notebook.record.get("state") == "run")

    await notebook.conversion.close()
    await notebook.conversion.close()

    assert "closed before" in (await notebook.until_done())["error"]
