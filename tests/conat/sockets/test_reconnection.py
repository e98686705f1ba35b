"""SPEC Z12, Z15: attempts, their pauses, and their end."""

import asyncio
from itertools import pairwise

import pytest

from cocalc_jupyter_ext.conat.client.session import ClientState
from cocalc_jupyter_ext.conat.errors import ClientClosed, ConatError, SignInFailed
from cocalc_jupyter_ext.conat.signals import Signal
from cocalc_jupyter_ext.conat.sockets.errors import SocketClosed
from cocalc_jupyter_ext.conat.sockets.reconnection import Attempts

from ...support import virtual_time


class Trial:
    """Attempts that do what they are told, and when they began and were over."""

    def __init__(self, *results: Exception | None, repeat: bool = True) -> None:
        self.results = list(results)
        self.begun_s: list[float] = []
        self.lost = 0
        self.states: Signal[[ClientState]] = Signal("test")
        self.attempts = Attempts(self.attempt, self.on_lost, delay_s=0.5, repeat=repeat)

    async def attempt(self) -> None:
        self.begun_s.append(asyncio.get_running_loop().time())
        result = self.results.pop(0) if self.results else None
        if result is not None:
            raise result
        self.attempts.succeeded()
        await asyncio.Event().wait()

    def on_lost(self) -> None:
        self.lost += 1

    async def run(self) -> str:
        return await self.attempts.run(self.states)


def test_attempts_that_fail_are_repeated_ever_more_slowly() -> None:
    async def check() -> None:
        trial = Trial(*(ConatError("no") for _ in range(20)))
        running = asyncio.create_task(trial.run())
        await asyncio.sleep(60)
        running.cancel()
        waits = [later - now for now, later in pairwise(trial.begun_s)]

        assert waits[:3] == pytest.approx([0.5, 0.65, 0.845])
        assert waits[-1] == pytest.approx(10)

    virtual_time.run(check())


def test_an_attempt_that_succeeded_is_repeated_soon() -> None:
    async def check() -> None:
        trial = Trial(ConatError("no"), ConatError("no"), None, None)
        running = asyncio.create_task(trial.run())
        await asyncio.sleep(10)
        assert trial.attempts.is_active
        trial.attempts.interrupt()
        assert trial.lost > 0
        assert not trial.attempts.is_active
        await asyncio.sleep(0.6)

        assert trial.begun_s[-1] == pytest.approx(10.5)
        running.cancel()

    virtual_time.run(check())


def test_a_lost_connection_interrupts() -> None:
    async def check() -> None:
        trial = Trial(None)
        running = asyncio.create_task(trial.run())
        await virtual_time.settle()
        trial.states.emit(ClientState.CONNECTED)
        assert trial.attempts.is_active
        trial.states.emit(ClientState.DISCONNECTED)
        assert trial.lost == 1
        await asyncio.sleep(1)

        assert len(trial.begun_s) == 2
        running.cancel()

    virtual_time.run(check())


@pytest.mark.parametrize("final", [ClientClosed(), SignInFailed("no"), SocketClosed("gone")])
def test_some_failures_are_final(final: Exception) -> None:
    async def check() -> None:
        trial = Trial(final)

        assert await trial.run() == str(final)
        assert len(trial.states) == 0
        assert trial.lost == 1

    virtual_time.run(check())


def test_a_client_that_closes_during_a_pause_ends_it() -> None:
    async def check() -> None:
        trial = Trial(ConatError("no"))
        running = asyncio.create_task(trial.run())
        await asyncio.sleep(0.1)
        trial.states.emit(ClientState.CLOSED)

        assert await running == "the client is closed"
        assert asyncio.get_running_loop().time() == pytest.approx(0.1)

    virtual_time.run(check())


def test_without_repetition_there_is_one_attempt_each_time() -> None:
    async def check() -> None:
        trial = Trial(ConatError("no"), ConatError("no"), repeat=False)

        assert await trial.run() == ""
        assert await trial.run() == ""
        assert len(trial.begun_s) == 2

    virtual_time.run(check())
