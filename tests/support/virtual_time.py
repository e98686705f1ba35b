"""An event loop whose clock jumps: waiting costs nothing, and no test sleeps.

When nothing is ready the clock moves to the next timer at once, up to a day: clients report
every few seconds, so that a test which waits in vain would never end. Sockets do not work together
with it, and what is meant for a thread is done at once, in the next turn of the loop; it is for
tests of code that waits.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["run", "settle"]

T = TypeVar("T")

MAX_S = 86_400.0


class _JumpingSelector(selectors.DefaultSelector):
    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None or self.now_s > MAX_S:
            raise AssertionError("everything waits, and nothing will ever happen")
        self.now_s += max(timeout, 0.0)
        return []


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def run_in_executor(
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        done: asyncio.Future[T] = self.create_future()
        self.call_soon(_perform, done, func, args)
        return done


def _perform(done: "asyncio.Future[T]", func: Callable[..., T], args: Any) -> None:
    try:
        result = func(*args)
    except Exception as error:  # noqa: BLE001 - carried over to who waits for it
        if not done.cancelled():
            done.set_exception(error)
    else:
        if not done.cancelled():
            done.set_result(result)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a jumping clock."""
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(work)


async def settle() -> None:
    """Let everything run that can run without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)
