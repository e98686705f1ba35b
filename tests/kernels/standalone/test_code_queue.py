"""The queue of a script's kernel (syncdoc-jupyter §4.2, §4.5, §6.1)."""

import asyncio

import pytest

from cocalc_jupyter_ext.kernels.errors import KernelNotFoundError
from cocalc_jupyter_ext.kernels.standalone import code_queue
from cocalc_jupyter_ext.kernels.standalone.code_queue import CodeQueue, Work
from cocalc_jupyter_ext.kernels.standalone.execution import Execution, is_done


class Runner:
    """Runs what a test lets it run."""

    def __init__(self):
        self.ran = []
        self.done = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.failing = set()
        self.error = None
        self.queue = CodeQueue(Work(self.run, self.interrupt, self.kill))

    async def run(self, execution):
        self.ran.append(execution.code)
        execution.begin()
        if self.error is not None:
            raise self.error
        await self.may_go_on.wait()
        return execution.code in self.failing

    async def interrupt(self):
        self.done.append("interrupt")
        if self.error is not None:
            raise self.error

    async def kill(self):
        self.done.append("kill")
        self.may_go_on.set()

    def add(self, code, *, first=False, **options):
        execution = Execution(code, **options)
        self.queue.add(execution, first=first)
        return execution


@pytest.fixture
async def runner():
    runner = Runner()
    yield runner
    await runner.queue.close()


async def items(execution):
    return [item async for item in execution]


async def test_code_runs_in_order_one_at_a_time(runner) -> None:
    executions = [runner.add(code) for code in "abc"]
    await asyncio.gather(*[execution.wait() for execution in executions])

    assert runner.ran == ["a", "b", "c"]


async def test_start_up_code_goes_first(runner) -> None:
    runner.may_go_on.clear()
    executions = [runner.add("a"), runner.add("b")]
    await asyncio.sleep(0)
    executions.append(runner.add("start", first=True))
    runner.may_go_on.set()
    await asyncio.gather(*[execution.wait() for execution in executions])

    assert runner.ran == ["a", "start", "b"]


async def test_an_error_empties_the_queue(runner) -> None:
    runner.failing = {"a"}
    a, b = runner.add("a"), runner.add("b")

    assert await items(b) == [{"done": True}]
    assert a.state == b.state == "done"
    assert runner.ran == ["a"]


async def test_an_error_is_passed_over_when_the_execution_says_so(runner) -> None:
    runner.failing = {"a"}
    runner.add("a", halt_on_error=False)
    await runner.add("b").wait()

    assert runner.ran == ["a", "b"]


async def test_what_cannot_be_run_ends_all_that_wait_with_the_reason(runner) -> None:
    runner.error = ValueError("no kernel")
    executions = [runner.add("a"), runner.add("b")]
    for execution in executions:
        with pytest.raises(ValueError, match="no kernel"):
            await execution.wait()

    assert runner.ran == ["a"]


async def test_cancelling_code_that_waits_takes_it_out(runner) -> None:
    runner.may_go_on.clear()
    a, b, c = (runner.add(code) for code in "abc")
    await asyncio.sleep(0)
    c.cancel()
    b.cancel()
    runner.may_go_on.set()
    await a.wait()

    assert await items(b) == await items(c) == []
    assert (runner.ran, runner.done) == (["a"], [])


async def test_cancelling_code_that_runs_interrupts_the_kernel(runner) -> None:
    runner.may_go_on.clear()
    a = runner.add("a")
    await asyncio.sleep(0)
    a.cancel()
    await asyncio.sleep(0)

    assert runner.done == ["interrupt"]


async def test_code_that_takes_too_long_is_interrupted_three_times_and_then_ended(
    runner, monkeypatch
) -> None:
    assert code_queue.INTERRUPTS_S == (1.0, 1.3, 1.69)
    monkeypatch.setattr(code_queue, "INTERRUPTS_S", (0.001, 0.001, 0.001))
    runner.may_go_on.clear()
    await runner.add("a", timeout_ms=1).wait()

    assert runner.done == ["interrupt"] * 3 + ["kill"]


async def test_an_interrupt_without_a_kernel_is_no_error(runner) -> None:
    runner.may_go_on.clear()
    a = runner.add("a")
    await asyncio.sleep(0)
    runner.error = KernelNotFoundError("k")
    a.cancel()
    await asyncio.sleep(0)
    runner.may_go_on.set()

    assert is_done((await items(a))[-1])


async def test_closing_ends_everything_and_may_be_repeated(runner) -> None:
    runner.may_go_on.clear()
    a, b = runner.add("a"), runner.add("b")
    await asyncio.sleep(0)
    await runner.queue.close()
    await runner.queue.close()

    assert await items(a) == await items(b) == []
