"""Waiting for what another task, thread or process does and nothing tells about."""

import asyncio
from collections.abc import Callable

__all__ = ["until"]

LOOK_EVERY_S = 0.005


async def until(condition: Callable[[], object], timeout_s: float = 60) -> None:
    """Return as soon as a condition is true; raises TimeoutError when it does not become true.

    The time is that of a machine under load: a test that passes does not wait for it.
    """
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(LOOK_EVERY_S)
