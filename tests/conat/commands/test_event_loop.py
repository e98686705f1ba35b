"""The event loop of commands, and how signals end them."""

import asyncio
import os
import signal
import sys
from types import SimpleNamespace

import pytest

from cocalc_jupyter_ext.conat.commands.event_loop import new_event_loop, run, termination
from cocalc_jupyter_ext.conat.commands.polling_selector import PollingSelector


def test_uvloop_is_used_when_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.new_event_loop()
    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop=lambda: loop))

    async def used() -> bool:
        return asyncio.get_running_loop() is loop

    assert run(used())


def test_uvloop_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)  # as if it were not there
    loop = new_event_loop()
    loop.close()

    assert isinstance(loop, asyncio.BaseEventLoop)


@pytest.mark.parametrize(("processors", "polls"), [(1, False), (2, True)])
def test_a_single_processor_is_left_to_the_clients(
    monkeypatch: pytest.MonkeyPatch, processors: int, polls: bool
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(processors)))
    loop = new_event_loop()
    selector = loop._selector  # type: ignore[attr-defined]  # nothing public tells
    loop.close()

    assert isinstance(selector, PollingSelector) == polls


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_command_in_its_own_time(number: signal.Signals) -> None:
    async def until_told() -> str:
        ended = termination()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(60):
            await ended.wait()
        return "ended"

    assert run(until_told()) == "ended"
