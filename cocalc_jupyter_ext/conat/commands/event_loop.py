"""The event loop of commands, and how they are told to end."""

import asyncio
import importlib
import os
import signal
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from .polling_selector import PollingSelector

__all__ = ["new_event_loop", "run", "termination"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's event loop when it is installed, and asyncio's otherwise.

    asyncio's polls while much is going on, unless the process has only one processor: there
    it would keep its clients from sending what it waits for.
    """
    try:
        uvloop = importlib.import_module("uvloop")
    except ModuleNotFoundError:
        return _polling_event_loop() if _processors() > 1 else asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _polling_event_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(PollingSelector(time.monotonic))


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end and return its result."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)


def termination() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set, instead of what they do otherwise."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in _SIGNALS:
        loop.add_signal_handler(each, ended.set)
    return ended
