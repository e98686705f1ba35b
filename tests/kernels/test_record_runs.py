"""Runs that CoCalc clients ask for by records (syncdoc-jupyter §4.1 to §4.5)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB, open_syncdb
from cocalc_jupyter_ext.kernels.record_runs import RecordRuns
from cocalc_jupyter_ext.kernels.record_states import Request

from ..support.persist import World, persist_world

PROJECT = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with persist_world(tmp_path) as world:
        yield world


async def open_notebook(world: World, who: str) -> SyncDB:
    db = await open_syncdb(
        await world.client(),
        project_id=PROJECT,
        path=".a.ipynb.sage-jupyter2",
        primary_keys=["type", "id"],
        string_cols=["input"],
        participant=who,
    )
    world.stack.push_async_callback(db.close)
    return db


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


class Starter:
    """Notes what is to be started; ``problem`` is raised instead."""

    def __init__(self) -> None:
        self.started: list[tuple[Request, str | None]] = []
        self.problem: Exception | None = None

    async def __call__(self, request: Request, kernel: str | None) -> None:
        if self.problem is not None:
            raise self.problem
        self.started.append((request, kernel))


async def run_for(world: World, project: SyncDB, starter: Starter) -> RecordRuns:
    runs = RecordRuns(project.document, starter, clock=lambda: 7.0)
    runs.start()
    world.stack.push_async_callback(runs.close)
    return runs


async def test_a_cell_runs_because_a_client_sets_its_state(world: World) -> None:
    project, bob = await open_notebook(world, PROJECT), await open_notebook(world, "bob")
    starter = Starter()
    runs = await run_for(world, project, starter)
    bob.set([{"type": "settings", "kernel": "python3"}, {"type": "cell", "id": "a", "input": "1"}])
    await bob.commit()

    bob.set({"type": "cell", "id": "a", "state": "start", "start": 5})
    await bob.commit()
    await until(lambda: starter.started == [(Request(("a",), stops_on_error=True), "python3")])
    runs.progress("a", "queued")
    await until(lambda: bob.get_one({"type": "cell"})["state"] == "run")  # type: ignore[index]
    runs.progress("a", "running")
    runs.progress("a", "ok")
    await until(lambda: bob.get_one({"type": "cell"})["state"] == "done")  # type: ignore[index]

    done = {"type": "cell", "id": "a", "input": "1", "kernel": "python3"}
    assert bob.get_one({"type": "cell"}) == {**done, "state": "done", "start": 7000, "end": 7000}


async def test_what_was_asked_for_before_the_project_started_runs_and_orphans_end(
    world: World,
) -> None:
    bob, project = await open_notebook(world, "bob"), await open_notebook(world, PROJECT)
    bob.set(
        [
            {"type": "cell", "id": "a", "state": "start"},
            {"type": "cell", "id": "b", "state": "busy", "start": 1},
        ]
    )
    await bob.commit()
    await until(lambda: len(project) == 2)
    starter = Starter()

    await run_for(world, project, starter)

    await until(lambda: starter.started == [(Request(("a",), stops_on_error=True), None)])
    await until(lambda: bob.get_one({"id": "b"})["state"] == "done")  # type: ignore[index]


async def test_why_nothing_runs_is_told_to_everybody(world: World) -> None:
    project, bob = await open_notebook(world, PROJECT), await open_notebook(world, "bob")
    starter = Starter()
    starter.problem = ValueError("there is no kernel named 'sage'")
    await run_for(world, project, starter)

    bob.set({"type": "cell", "id": "a", "state": "start"})
    await bob.commit()
    await until(lambda: bob.get_one({"type": "settings"}) is not None)

    assert "no kernel named" in bob.get_one({"type": "settings"})["kernel_error"]  # type: ignore[index]
    await until(lambda: bob.get_one({"id": "a"})["state"] == "done")  # type: ignore[index]


async def test_progress_of_a_cell_that_is_gone_brings_nothing_back(world: World) -> None:
    project = await open_notebook(world, PROJECT)
    runs = await run_for(world, project, Starter())

    runs.progress("gone", "ok")

    assert len(project) == 0


async def test_who_sees_that_a_cell_is_done_has_its_outputs(world: World) -> None:
    """The runner says that a cell is over before it has written all of it (§4.3)."""
    project, bob = await open_notebook(world, PROJECT), await open_notebook(world, "bob")
    runs = await run_for(world, project, Starter())
    bob.set({"type": "cell", "id": "a", "input": "print(1)"})
    await bob.commit()
    await until(lambda: len(project) == 1)
    output = {"0": {"name": "stdout", "text": "1\n"}}
    seen: list[tuple[object, object]] = []

    def carry_over() -> None:
        project.set({"type": "cell", "id": "a", "output": output})
        project.document.commit()

    def note(_keys: object) -> None:
        cell = bob.get_one({"id": "a"}) or {}
        seen.append((cell.get("state"), cell.get("output")))

    bob.on_change(note)
    runs.progress("a", "ok")
    project.document.before_change.connect(carry_over)
    await until(lambda: bool(seen) and seen[-1][0] == "done")

    assert [shown for state, shown in seen if state == "done" and shown != output] == []


async def test_what_was_not_told_yet_is_told_when_the_runs_are_closed(world: World) -> None:
    project = await open_notebook(world, PROJECT)
    runs = await run_for(world, project, Starter())
    project.set({"type": "cell", "id": "a", "state": "busy"})

    runs.progress("a", "aborted")
    await runs.close()

    assert (project.get_one({"id": "a"}) or {})["state"] == "done"
