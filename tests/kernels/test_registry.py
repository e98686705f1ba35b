import asyncio
import time
from itertools import count

import pytest

from cocalc_jupyter_ext.kernels.errors import (
    EditsMissingError,
    InputAnsweredError,
    KernelNotFoundError,
    RunNotFoundError,
)
from cocalc_jupyter_ext.kernels.registry import Edits, RunnerRegistry, RunRequest
from cocalc_jupyter_ext.kernels.runs import Runs
from cocalc_jupyter_ext.kernels.settings import RunnerSettings
from tests.support.memory_document import MemoryDocument
from tests.support.scripted_kernel import ScriptedHost, ScriptedKernel


class World:
    """A registry of runners whose kernels are scripted."""

    def __init__(self, **settings):
        numbers = count()
        self.documents = {"a": MemoryDocument("one"), "b": MemoryDocument("two")}
        self.kernel = ScriptedKernel()
        self.runs = Runs(new_id=lambda: f"r{next(numbers)}", now=time.monotonic)
        self.registry = RunnerRegistry(
            open_document=self.open_document,
            host=ScriptedHost(),
            runs=self.runs,
            settings=RunnerSettings(**settings),
            new_id=lambda: f"id{next(numbers)}",
            open_link=self.kernel.open_link,
        )

    async def open_document(self, room_id):
        return self.documents[room_id]

    async def run(self, room_id, kernel_id="k", edits=None):
        request = RunRequest(kernel_id, ["c0"], stop_on_error=True, edits=edits)
        run = self.registry.get_run(await self.registry.run(room_id, request))
        async with asyncio.timeout(60):
            while run.cells[0].state == "queued":
                await run.wait_change(run.change, 5)
        return run


@pytest.fixture
async def world():
    world = World()
    yield world
    await world.registry.close()


async def test_each_notebook_has_its_own_queue(world):
    runs = [await world.run("a"), await world.run("b")]
    assert [run.cells[0].state for run in runs] == ["running", "running"]
    assert world.kernel.opened == 2


async def test_an_unknown_kernel_is_refused_before_the_document_is_opened(world):
    with pytest.raises(KernelNotFoundError):
        await world.run("no such room", kernel_id="other")


async def test_a_request_whose_edits_do_not_arrive_is_refused_and_lets_go_of_the_document(world):
    world.documents["a"].edits_arrive = False
    with pytest.raises(EditsMissingError):
        await world.run("a", edits=Edits(1, 2))
    assert world.documents["a"].holds == []


async def test_an_answer_goes_to_the_run_that_asked(world):
    run = await world.run("a")
    world.kernel.ask("Name: ")
    world.registry.answer(run.run_id, run.input.input_id, "Ada")
    assert world.kernel.answers == ["Ada"]


async def test_an_answer_to_nothing_is_an_error(world):
    with pytest.raises(RunNotFoundError):
        world.registry.answer("unknown", "i", "x")
    run = await world.run("a")
    with pytest.raises(InputAnsweredError):
        world.registry.answer(run.run_id, "i", "x")


async def test_an_interrupt_concerns_the_notebooks_of_this_kernel(world):
    first, second = await world.run("a", kernel_id="k1"), await world.run("b", kernel_id="k2")
    request = [RunRequest(f"k{n}", ["c0"], stop_on_error=True, edits=None) for n in (1, 2)]
    waiting = [
        world.registry.get_run(await world.registry.run(room, body))
        for room, body in zip("ab", request, strict=True)
    ]
    world.registry.kernel_interrupted("k1")
    assert [run.cells[0].state for run in waiting] == ["aborted", "queued"]
    assert [run.cells[0].state for run in (first, second)] == ["running", "running"]


async def test_a_document_that_was_opened_anew_gets_a_new_runner(world):
    old = await world.run("a")
    world.documents["a"] = MemoryDocument("new")
    new = await world.run("a")
    assert new.cells[0].state == "running"
    async with asyncio.timeout(60):
        while not old.finished:
            await old.wait_change(old.change, 5)
    assert world.kernel.requests == ["one", "new"]


async def test_an_unused_runner_is_closed_and_the_next_run_makes_another():
    world = World(unused_s=0.01, batch_s=0.001)
    run = await world.run("a")
    world.kernel.idle()
    world.kernel.reply()
    async with asyncio.timeout(60):
        while world.documents["a"].holds or not run.finished:
            await asyncio.sleep(0.005)
    assert (await world.run("a")).cells[0].state == "running"
    assert world.kernel.opened == 2
    await world.registry.close()


async def test_closing_ends_all_runs_and_lets_go_of_all_documents(world):
    runs = [await world.run("a"), await world.run("b")]
    await world.registry.close()
    await world.registry.close()
    assert all(run.finished for run in runs)
    assert all(document.holds == [] for document in world.documents.values())
