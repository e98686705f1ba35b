"""SPEC F8."""

import asyncio
import threading

import pytest

from cocalc_jupyter_ext.conat.services.worker_threads import in_thread


async def test_a_function_runs_elsewhere_and_its_result_comes_back() -> None:
    assert await in_thread(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_cancelling_ends_only_after_the_function_has(fails: bool) -> None:
    started, may_end = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        may_end.wait(10)
        if fails:
            raise OSError("nobody waits for this")

    waiting = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(started.wait, 10)
    for _ in range(3):
        waiting.cancel()
        await asyncio.sleep(0)
        assert not waiting.done()
    may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await waiting
