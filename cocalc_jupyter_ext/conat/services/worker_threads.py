"""Blocking work in threads that is never left behind."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *args: object) -> T:
    """Call a function in a worker thread and return its result; raises what it raises.

    When cancelled, this ends only after the function has, so that what it uses can be closed
    then. What it returned is lost.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *args))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({work})
        if not work.cancelled():
            work.exception()  # It was not wanted any more, and is no error that was lost.
        raise
