"""The runner on a kernel that says only what a test makes it say."""

import asyncio
import json
import time
from dataclasses import replace
from itertools import count

import pytest

from cocalc_jupyter_ext.documents.notebook_records.live_outputs import INPUT_TYPE
from cocalc_jupyter_ext.kernels.endings import Ending
from cocalc_jupyter_ext.kernels.errors import (
    CellsNotFoundError,
    InputAnsweredError,
    KernelNotFoundError,
    KernelUnreachableError,
    TooManyQueuedError,
)
from cocalc_jupyter_ext.kernels.events import Loss
from cocalc_jupyter_ext.kernels.runner import NotebookRunner
from cocalc_jupyter_ext.kernels.runner_hooks import RunnerHooks
from cocalc_jupyter_ext.kernels.runs import Runs
from cocalc_jupyter_ext.kernels.settings import RunnerSettings
from tests.support.memory_document import MemoryDocument
from tests.support.scripted_kernel import ScriptedHost, ScriptedKernel

FAST = RunnerSettings(
    max_queued=5, batch_s=0.01, grace_s=0.05, grace_max_s=0.3, settle_s=0.01, cause_s=10,
    watch_s=0.02,
)  # fmt: skip


class World:
    """A runner and everything around it."""

    def __init__(self, settings=FAST, sources=("one", "two", "three")):
        numbers = count()
        self.document = MemoryDocument(*sources)
        self.host = ScriptedHost()
        self.kernel = ScriptedKernel()
        self.runs = Runs(new_id=lambda: f"id{next(numbers)}", now=time.monotonic)
        self.unused = asyncio.Event()
        self.losses = []
        self.runner = NotebookRunner(
            document=self.document,
            host=self.host,
            runs=self.runs,
            settings=settings,
            new_id=lambda: f"id{next(numbers)}",
            on_unused=lambda _: self.unused.set(),
            open_link=self.kernel.open_link,
            hooks=RunnerHooks(on_loss=lambda loss, detail: self.losses.append((loss, detail))),
        )

    def enqueue(self, *cell_ids, kernel_id="k", stop_on_error=True):
        run_id = self.runner.enqueue(kernel_id, list(cell_ids), stop_on_error=stop_on_error)
        return self.runs.get(run_id)

    async def start(self, *cell_ids, **options):
        """Enqueue, and wait until the first cell runs."""
        run = self.enqueue(*cell_ids, **options)
        await until(run, lambda: run.cells[0].state == "running")
        return run

    def outputs(self, position):
        return self.document.cell(position)["outputs"]

    def error_names(self, position):
        return [output.get("ename") for output in self.outputs(position)]


async def until(run, condition):
    async with asyncio.timeout(60):
        while not condition():
            await run.wait_change(run.change, 5)


async def until_shown(world, condition):
    """Wait for what is written in batches."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


async def finished(run):
    await until(run, lambda: run.finished)
    return [cell.state for cell in run.cells]


@pytest.fixture
async def world():
    world = World()
    yield world
    await world.runner.close()


async def test_a_cell_runs_from_request_to_count(world):
    run = await world.start("c0")
    assert world.kernel.requests == ["one"]
    world.kernel.print("x")
    world.kernel.idle()
    world.kernel.reply()
    assert await finished(run) == ["ok"]
    assert world.outputs(0)[0]["text"] == "x"
    assert world.document.cell(0)["execution_count"] == 1


async def test_the_text_at_the_time_of_the_request_is_what_runs(world):
    await world.start("c0", "c1")
    with world.document.edit():
        world.document.ydoc.set_cell(1, source="changed")
    world.kernel.idle()
    world.kernel.reply()
    await asyncio.sleep(0.05)
    assert world.kernel.requests == ["one", "two"]


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("\n \n%%time\nx \n\n", "%%time\nx"),
        ("  indented()\n  whole()\n", "  indented()\n  whole()"),
        ("a\n\nb", "a\n\nb"),
    ],
)
async def test_code_is_sent_without_blank_lines_around_it(source, sent):
    """syncdoc-jupyter §4.2."""
    world = World(sources=(source,))
    await world.start("c0")
    assert world.kernel.requests == [sent]
    await world.runner.close()


async def test_outputs_are_written_in_batches(world):
    run = await world.start("c0")
    before = world.document.transactions
    for number in range(1000):
        world.kernel.print(f"{number}\n")
    world.kernel.idle()
    world.kernel.reply()
    await finished(run)
    assert world.document.transactions - before < 10
    assert world.outputs(0)[0]["text"].count("\n") == 1000


@pytest.mark.parametrize("reply_first", [True, False])
async def test_the_next_cell_does_not_wait_for_the_time_between_two_batches(reply_first):
    world = World(settings=replace(FAST, batch_s=600, grace_s=600))
    run = await world.start("c0", "c1")
    world.kernel.print("x")
    await until_shown(world, lambda: world.outputs(0))
    world.kernel.print("y")
    if reply_first:
        world.kernel.reply()
        await asyncio.sleep(0.02)
    world.kernel.idle()
    if not reply_first:
        world.kernel.reply()
    await until(run, lambda: run.cells[1].state == "running")
    assert world.outputs(0)[0]["text"] == "xy"
    await world.runner.close()


async def test_a_lost_idle_status_ends_the_cell_soon_after_the_reply(world):
    run = await world.start("c0", "c1")
    world.kernel.reply()
    await until(run, lambda: run.cells[1].state == "running")
    assert run.cells[0].state == "ok"


async def test_a_lost_idle_status_ends_the_cell_even_if_something_prints_for_ever(world):
    run = await world.start("c0")
    world.kernel.reply()
    started = time.monotonic()
    while not run.finished and time.monotonic() - started < 60:
        world.kernel.print(".")
        await asyncio.sleep(0.005)
    assert run.finished
    assert time.monotonic() - started >= FAST.grace_s


async def test_messages_that_came_while_connecting_do_not_block_later_ones(world):
    world.kernel.may_connect.clear()
    run = world.enqueue("c0")
    await asyncio.sleep(0)
    world.kernel.listener = world.runner
    world.kernel.say("status", request=0, execution_state="busy")
    await asyncio.sleep(0.03)
    world.kernel.may_connect.set()
    await until(run, lambda: run.cells[0].state == "running")
    world.kernel.idle()
    world.kernel.reply()
    assert await finished(run) == ["ok"]


async def test_one_link_serves_all_runs(world):
    for _ in range(3):
        run = await world.start("c0")
        world.kernel.idle()
        world.kernel.reply()
        await finished(run)
    assert (world.kernel.opened, world.kernel.closed) == (1, 0)


@pytest.mark.parametrize(
    ("stopping", "then_known", "then_stopping", "name"),
    [
        (False, True, False, "KernelDied"),
        (True, True, False, "KernelRestarted"),
        (True, False, True, "KernelShutDown"),
    ],
)
async def test_the_end_of_the_process_is_told_by_its_cause(
    world, stopping, then_known, then_stopping, name
):
    run = await world.start("c0", "c1")
    world.host.stopping = stopping
    world.kernel.print("last words")
    world.runner.on_disconnected()
    await asyncio.sleep(0.03)
    world.host.known, world.host.stopping = then_known, then_stopping
    assert await finished(run) == ["aborted", "aborted"]
    assert world.outputs(0)[0]["text"] == "last words"
    assert world.error_names(0)[-1] == name
    assert world.error_names(1) == [name]


async def test_a_kernel_that_died_by_itself_is_dead_also_while_jupyter_restarts_it(world):
    """syncdoc-jupyter §4.5: its users read why it died, not that somebody restarted it."""
    run = await world.start("c0")
    world.host.stopping = True
    world.host.how_it_ended = Ending(9, "last words", launch=1, by_itself=True)
    world.runner.on_disconnected()
    assert await finished(run) == ["aborted"]
    assert world.error_names(0) == ["KernelDied"]
    assert "exit code 9" in "\n".join(world.outputs(0)[0]["traceback"])


async def test_how_an_earlier_process_died_says_nothing_about_the_restart_of_this_one(world):
    world.host.how_it_ended = Ending(9, "last words", launch=1, by_itself=True)
    run = await world.start("c0")
    world.host.stopping = True
    world.runner.on_disconnected()
    await asyncio.sleep(0.03)
    world.host.stopping = False
    assert await finished(run) == ["aborted"]
    assert world.error_names(0) == ["KernelRestarted"]


async def test_an_interrupt_that_is_part_of_a_restart_starts_no_further_cell(world):
    run = await world.start("c0", "c1", stop_on_error=False)
    world.host.stopping = True
    world.kernel.reply("error", ename="KeyboardInterrupt")
    world.kernel.idle()
    world.runner.on_disconnected()
    await asyncio.sleep(0.03)
    world.host.stopping = False
    assert await finished(run) == ["aborted", "aborted"]
    assert world.kernel.requests == ["one"]


async def test_a_kernel_that_died_without_closing_its_connection_is_noticed(world):
    run = await world.start("c0")
    world.host.alive = False
    assert await finished(run) == ["aborted"]
    assert world.error_names(0) == ["KernelDied"]


async def test_the_run_after_the_end_of_a_kernel_connects_anew(world):
    run = await world.start("c0")
    world.runner.on_disconnected()
    await finished(run)
    assert await world.start("c1")
    assert (world.kernel.opened, world.kernel.closed) == (2, 1)


async def test_a_kernel_that_ends_while_nothing_runs_is_replaced_without_a_word(world):
    run = await world.start("c0")
    world.kernel.idle()
    world.kernel.reply()
    await finished(run)
    world.runner.on_disconnected()
    again = await world.start("c1")
    assert again.cells[0].state == "running"
    assert world.outputs(0) == []


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (KernelNotFoundError("k"), "KernelMissing"),
        (KernelUnreachableError("k", "why"), "KernelUnreachable"),
        (KernelUnreachableError("k", "why", "ImportError: fish"), "KernelNotStarted"),
        (RuntimeError("unexpected"), "ExecutionFailed"),
    ],
)
async def test_a_kernel_that_cannot_be_reached_ends_the_cells(world, error, name):
    world.kernel.error = error
    run = world.enqueue("c0", "c1")
    assert await finished(run) == ["aborted", "aborted"]
    assert world.error_names(0) == [name]
    assert world.document.cell(0)["execution_state"] == "idle"


async def test_an_unexpected_failure_ends_every_cell_visibly(world, monkeypatch):
    run = await world.start("c0", "c1")
    monkeypatch.setattr(world.kernel, "take", lambda: 1 / 0)
    world.kernel.print("x")
    assert await finished(run) == ["aborted", "aborted"]
    assert world.error_names(0)[-1] == "ExecutionFailed"


async def test_a_failure_to_show_one_cell_does_not_keep_others_from_ending(world, monkeypatch):
    run = await world.start("c0", "c1")
    monkeypatch.setattr(world.runner._notebook, "abort", lambda *_, **__: 1 / 0)
    world.runner.on_disconnected()
    assert await finished(run) == ["aborted", "aborted"]


async def test_another_kernel_ends_what_runs_on_the_present_one(world):
    first = await world.start("c0", "c1")
    second = world.enqueue("c2", kernel_id="k2")
    assert await finished(first) == ["aborted", "aborted"]
    assert world.error_names(0) == ["KernelSwitched"]
    await until(second, lambda: second.cells[0].state == "running")
    assert world.kernel.closed == 1


async def test_an_interrupt_clears_the_queue_and_ends_the_question_with_its_cell(world):
    """syncdoc-jupyter §4.5: as in a terminal, the question stays above what the interrupt does."""
    run = await world.start("c0", "c1")
    world.kernel.ask("Name: ")
    assert run.input is not None
    world.runner.interrupted()
    assert [cell.state for cell in run.cells] == ["running", "aborted"]
    world.kernel.print("caught")
    world.kernel.idle()
    world.kernel.reply("error", ename="KeyboardInterrupt")
    assert await finished(run) == ["error", "aborted"]
    assert run.input is None
    asked, printed, error = world.outputs(0)
    assert asked["data"][INPUT_TYPE]["value"] == ""
    assert asked["data"]["text/plain"] == "Name: "
    assert (printed["text"], error["ename"]) == ("caught", "KeyboardInterrupt")


async def test_the_interrupt_that_ends_a_kernel_stands_below_the_question(world):
    """Jupyter interrupts a kernel before it ends it."""
    run = await world.start("c0")
    world.kernel.ask("Name: ")
    world.host.stopping = True
    world.kernel.reply("error", ename="KeyboardInterrupt")
    world.kernel.print("interrupted")
    world.runner.on_disconnected()
    await asyncio.sleep(0.03)
    world.host.known = False
    assert await finished(run) == ["aborted"]
    asked, printed, error = world.outputs(0)
    assert asked["data"][INPUT_TYPE]["value"] == ""
    assert (printed["text"], error["ename"]) == ("interrupted", "KernelShutDown")


async def test_a_kernel_that_is_deaf_to_interrupts_still_gets_its_answer(world):
    """Nobody could ever end its cell otherwise, except by ending the kernel."""
    run = await world.start("c0")
    world.kernel.ask("Name: ")
    world.runner.interrupted()
    world.runner.answer("Ada")
    assert (world.kernel.answers, run.input) == (["Ada"], None)


async def test_a_kernel_that_asks_again_after_an_interrupt_has_one_open_question(world):
    run = await world.start("c0")
    world.kernel.ask("Name: ")
    world.runner.interrupted()
    world.kernel.ask("Again: ")
    await until_shown(world, lambda: len(world.outputs(0)) == 2)
    first, second = (output["data"][INPUT_TYPE] for output in world.outputs(0))
    assert (first["value"], second["prompt"], "value" in second) == ("", "Again: ", False)
    assert run.input.prompt == "Again: "


async def test_an_interrupt_while_connecting_clears_the_queue(world):
    world.kernel.may_connect.clear()
    run = world.enqueue("c0")
    world.runner.interrupted()
    assert await finished(run) == ["aborted"]


async def test_the_first_answer_is_given_to_the_kernel_and_shown(world):
    run = await world.start("c0")
    world.kernel.ask("Name: ")
    assert world.runner.asks(run.input.input_id)
    assert world.runner.asks(run_id=run.run_id)
    assert world.runner.asks(cell_id="c0")
    assert not world.runner.asks("other")
    assert not world.runner.asks(cell_id="c1")
    world.runner.answer("Ada")
    with pytest.raises(InputAnsweredError, match="answered already"):
        world.runner.answer("Bob")
    assert (world.kernel.answers, run.input) == (["Ada"], None)
    world.kernel.idle()
    world.kernel.reply()
    await finished(run)
    assert world.outputs(0)[0]["data"]["text/plain"] == "Name: Ada"


async def test_a_password_is_given_to_the_kernel_and_not_shown(world):
    run = await world.start("c0")
    world.kernel.ask("Key: ", password=True)
    world.runner.answer("secret")
    world.kernel.idle()
    world.kernel.reply()
    await finished(run)
    assert world.kernel.answers == ["secret"]
    assert world.outputs(0)[0]["data"][INPUT_TYPE]["value"] == ""
    assert "secret" not in json.dumps(world.outputs(0))


async def test_everybody_sees_the_question_while_it_waits(world):
    """syncdoc-jupyter §3.5: it is an output, which any participant can answer."""
    run = await world.start("c0")
    world.kernel.ask("Name: ")
    asked = {"prompt": "Name: ", "password": False, "id": run.input.input_id}
    await until_shown(world, lambda: world.outputs(0))
    assert world.outputs(0)[0]["data"][INPUT_TYPE] == asked


async def test_a_cell_that_waits_is_cancelled_without_touching_the_one_that_runs(world):
    """syncdoc-jupyter §4.5: a cancelled cell is removed from the queue."""
    run = await world.start("c0", "c1", "c2")
    world.runner.cancel("c2")
    assert [cell.state for cell in run.cells] == ["running", "queued", "aborted"]
    assert world.runner.active == {"c0", "c1"}
    assert world.host.interrupts == []


async def test_cancelling_the_running_cell_interrupts_the_kernel(world):
    """syncdoc-jupyter §4.5."""
    await world.start("c0")
    world.runner.cancel("c0")
    await until_shown(world, lambda: world.host.interrupts == ["k"])


async def test_deleted_cells_are_cancelled(world):
    """syncdoc-jupyter §4.5, for cells that somebody deletes in JupyterLab."""
    run = await world.start("c0", "c1", "c2")
    with world.document.edit():
        del world.document.ydoc.ycells[1]
        del world.document.ydoc.ycells[0]
    world.runner.cancel_missing()
    assert [cell.state for cell in run.cells] == ["running", "aborted", "queued"]
    await until_shown(world, lambda: world.host.interrupts == ["k"])


async def test_an_error_stops_all_cells_of_the_same_group(world):
    """syncdoc-jupyter §4.2: an error empties the queue of those who ask by records."""
    numbers = [world.runner.enqueue("k", [c], stop_on_error=True, group="g") for c in ("c0", "c1")]
    other = world.runs.get(world.runner.enqueue("k", ["c2"], stop_on_error=True))
    first, second = map(world.runs.get, numbers)
    await until(first, lambda: first.cells[0].state == "running")
    world.kernel.idle()
    world.kernel.reply("error", ename="E", evalue="v")
    await until(second, lambda: second.finished)
    assert second.cells[0].state == "aborted"
    await until(other, lambda: other.cells[0].state == "running")


async def test_how_the_kernel_died_is_told_in_the_cell_and_to_who_follows(world):
    """syncdoc-jupyter §4.5: exit code or signal, and the end of stderr."""
    run = await world.start("c0")
    world.host.how_it_ended = Ending(-11, "Fatal Python error")
    world.host.alive = False
    world.kernel.listener.on_disconnected()
    assert await finished(run) == ["aborted"]
    shown = "\n".join(world.outputs(0)[0]["traceback"])
    assert "SIGSEGV" in shown
    assert "Fatal Python error" in shown
    assert world.losses == [(Loss.DIED, str(world.host.how_it_ended))]


async def test_a_question_of_somebody_elses_request_is_left_alone(world):
    run = await world.start("c0")
    world.runner.on_input_request({"parent_header": {"msg_id": "other"}, "content": {}})
    world.runner.on_reply({"parent_header": {"msg_id": "other"}, "content": {"status": "ok"}})
    assert (run.input, run.cells[0].state) == (None, "running")


async def test_a_refused_request_leaves_no_trace(world):
    await world.start("c0")
    with pytest.raises(TooManyQueuedError):
        world.enqueue(*["c1"] * 6)
    with pytest.raises(CellsNotFoundError):
        world.enqueue("c1", "nope")
    assert world.document.cell(1)["execution_state"] == "idle"


async def test_the_document_is_held_from_the_first_run_until_the_runner_is_closed(world):
    run = await world.start("c0")
    assert world.document.holds == ["execution"]
    world.kernel.idle()
    world.kernel.reply()
    await finished(run)
    assert world.document.holds == ["execution"]
    await world.runner.close()
    assert world.document.holds == []


async def test_closing_ends_every_cell_and_may_be_repeated(world):
    run = await world.start("c0", "c1")
    await world.runner.close()
    await world.runner.close()
    assert [cell.state for cell in run.cells] == ["aborted", "aborted"]
    assert world.error_names(0) == ["ServerRestarted"]
    assert world.kernel.closed == 1


async def test_a_runner_without_cells_asks_to_be_closed_after_a_while():
    world = World(RunnerSettings(unused_s=0.02, batch_s=0.001))
    run = await world.start("c0")
    await asyncio.sleep(0.05)
    assert not world.unused.is_set()
    world.kernel.idle()
    world.kernel.reply()
    await finished(run)
    await asyncio.wait_for(world.unused.wait(), 60)
    await world.runner.close()
