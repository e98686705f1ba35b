"""Waits until a server that was just started answers, or is known never to.

JupyterHub's own wait backs off at random and costs seconds; asking every 50 ms costs nothing while
the port is closed and finds the server as soon as it is there.
"""

import asyncio
import time
from collections.abc import Callable

import aiohttp

__all__ = ["ServerDiedError", "ServerSilentError", "wait_until_ready"]

_LONGEST_QUESTION_S = 5.0


class ServerDiedError(Exception):
    """The server's process ended before it answered."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"ended with exit code {exit_code}")
        self.exit_code = exit_code


class ServerSilentError(Exception):
    """The server did not answer in time."""

    def __init__(self, waited_s: float) -> None:
        super().__init__(f"did not answer within {waited_s:.0f} s")
        self.waited_s = waited_s


async def wait_until_ready(
    url: str, exit_code: Callable[[], int | None], *, interval_s: float, timeout_s: float
) -> None:
    """Ask ``url`` every ``interval_s`` until it answers below 500.

    ``exit_code`` tells whether the process has ended. Raises ServerDiedError as soon as it has, and
    ServerSilentError after ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    patience = aiohttp.ClientTimeout(total=min(_LONGEST_QUESTION_S, timeout_s))
    async with aiohttp.ClientSession(timeout=patience) as session:
        while not await _answers(session, url):
            code = exit_code()
            if code is not None:
                raise ServerDiedError(code)
            if time.monotonic() >= deadline:
                raise ServerSilentError(timeout_s)
            await asyncio.sleep(interval_s)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url, allow_redirects=False) as answer:
            return answer.status < 500
    except (aiohttp.ClientError, TimeoutError):
        return False
