"""Connected sockets: one end as Tornado's stream, the other as asyncio's."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tornado.iostream import IOStream

__all__ = ["Peer", "connected_pair", "some_turns", "until"]

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected_pair() -> AsyncIterator[tuple[IOStream, Peer]]:
    """Give the server's stream, and the reader and writer of its peer."""
    ours, theirs = socket.socketpair()
    stream = IOStream(ours)
    reader, writer = await asyncio.open_connection(sock=theirs)
    try:
        yield stream, (reader, writer)
    finally:
        stream.close()
        writer.transport.abort()


async def some_turns() -> None:
    """Let everything happen that has arrived already."""
    for _ in range(10):
        await asyncio.sleep(0)


async def until(is_true: Callable[[], bool]) -> None:
    """Wait for what a few turns of the event loop bring; the test has a time limit."""
    while not is_true():
        await asyncio.sleep(0)
