"""Notebooks that run again and again (syncdoc-jupyter §3.4, ``run_all_loop_s``)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.syncdoc.records import Records, RecordSchema
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB
from cocalc_jupyter_ext.kernels.run_all_loop import MAX_PAUSE_S, MIN_PAUSE_S, RunAllLoop, pause_in

from ..support.persist import World, persist_world
from ..support.synced_notebooks import PROJECT, join_notebook
from ..support.waiting import until


@pytest.mark.parametrize(
    ("setting", "pause_s"),
    [
        (None, None),
        (5, 5.0),
        (2.5, 2.5),
        (0, MIN_PAUSE_S),
        (-3, MIN_PAUSE_S),
        (float("inf"), MAX_PAUSE_S),
        (float("nan"), None),
        (True, None),
        ("5", None),
    ],
)
def test_the_pause_is_a_number_of_seconds_within_bounds(setting: Any, pause_s: Any) -> None:
    records = Records(RecordSchema(("type", "id"), ("input",)))
    records.set({"type": "settings", "run_all_loop_s": setting})
    assert pause_in(records) == pause_s


def short_pause(records: Records) -> float | None:
    return None if pause_in(records) is None else 0.01


class Kernel:
    """Counts its restarts; ``problem`` is raised instead."""

    def __init__(self) -> None:
        self.restarts = 0
        self.problem: Exception | None = None

    async def restart(self) -> None:
        self.restarts += 1
        if self.problem is not None:
            raise self.problem


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with persist_world(tmp_path) as world:
        yield world


async def notebooks(world: World) -> tuple[SyncDB, SyncDB]:
    """Return a notebook with two cells, as the project and as a client have it."""
    project, bob = await join_notebook(world, PROJECT), await join_notebook(world, "bob")
    cells = [{"type": "cell", "id": i, "pos": n, "input": "1/0"} for n, i in enumerate("ab")]
    bob.set([{"type": "settings", "kernel": "python3"}, *cells])
    await bob.commit()
    await until(lambda: len(project) == 3)
    return project, bob


def begin(world: World, project: SyncDB, kernel: Kernel, pause: Any = short_pause) -> RunAllLoop:
    loop = RunAllLoop(project.document, kernel.restart, pause=pause)
    world.stack.push_async_callback(loop.close)
    loop.start()
    return loop


def states(db: SyncDB) -> list[Any]:
    return [cell.get("state") for cell in db.get({"type": "cell"})]


async def end_cells(project: SyncDB) -> None:
    project.set([{"type": "cell", "id": cell_id, "state": "done"} for cell_id in "ab"])
    await project.commit()


async def test_each_round_restarts_the_kernel_and_runs_all_cells_without_halting(
    world: World,
) -> None:
    project, bob = await notebooks(world)
    kernel = Kernel()
    begin(world, project, kernel)
    assert kernel.restarts == 0

    bob.set({"type": "settings", "run_all_loop_s": 5})
    await bob.commit()
    for round_number in (1, 2):
        await until(lambda: states(project) == ["start", "start"])
        assert all(cell["no_halt"] is True for cell in project.get({"type": "cell"}))
        assert kernel.restarts == round_number
        await end_cells(project)


async def test_the_loop_ends_when_the_setting_is_removed_and_begins_anew_with_it(
    world: World,
) -> None:
    project, bob = await notebooks(world)
    kernel = Kernel()
    begin(world, project, kernel)
    for rounds in (1, 2):
        bob.set({"type": "settings", "run_all_loop_s": 1})
        await bob.commit()
        await until(lambda: states(project) == ["start", "start"])
        bob.set({"type": "settings", "run_all_loop_s": None})
        await bob.commit()
        await until(lambda: pause_in(project.document.value) is None)
        await end_cells(project)
        await until(lambda: states(bob) == ["done", "done"])
        assert kernel.restarts == rounds


async def test_a_pause_ends_at_once_with_the_loop(world: World) -> None:
    project, bob = await notebooks(world)
    kernel = Kernel()
    kernel.problem = ValueError("no such kernel")
    loop = begin(world, project, kernel, pause=pause_in)
    bob.set({"type": "settings", "run_all_loop_s": 1_000})
    await bob.commit()
    await until(lambda: kernel.restarts == 1)

    async with asyncio.timeout(30):
        await loop.close()


async def test_why_no_round_runs_is_told_and_it_is_tried_again(world: World) -> None:
    project, bob = await notebooks(world)
    kernel = Kernel()
    kernel.problem = ValueError("no such kernel")
    begin(world, project, kernel)
    project.set({"type": "settings", "run_all_loop_s": 1})
    await project.commit()
    await until(
        lambda: (bob.get_one({"type": "settings"}) or {}).get("kernel_error") == "no such kernel"
    )
    kernel.problem = None
    await until(lambda: states(bob) == ["start", "start"])
