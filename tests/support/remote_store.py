"""A stream of a persist service as a synchronous StreamStore, for the contract of stores.

A service and its client run in a thread of their own. The updates of a call are those that the
changefeed tells until the next answer; so that all have come by then, the feed does not wait
for more (``without_window``).
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.persist.access import Reset
from cocalc_jupyter_ext.conat.persist.client.feeds import Feed
from cocalc_jupyter_ext.conat.persist.client.remote import PersistClient
from cocalc_jupyter_ext.conat.persist.config import StreamConfig
from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore
from cocalc_jupyter_ext.conat.persist.messages import (
    Inventory,
    NewMessage,
    Receipt,
    StoredMessage,
    Update,
)
from cocalc_jupyter_ext.conat.persist.server import feed_writer
from cocalc_jupyter_ext.conat.persist.store import Change

from .persist import World

__all__ = ["RemoteStore", "remote_store"]

T = TypeVar("T")
TIMEOUT_S = 30


class RemoteStore:
    """A StreamStore whose calls go over the message fabric."""

    def __init__(self, loop: asyncio.AbstractEventLoop, access: PersistClient, feed: Feed) -> None:
        self._loop = loop
        self._access = access
        self._feed = feed

    def set(self, message: NewMessage) -> Change[Receipt]:
        return self._change(lambda: self._access.set(message))

    def set_many(self, messages: Sequence[NewMessage]) -> Change[list[Receipt | ConatError]]:
        return self._change(lambda: self._access.set_many(messages))

    def get(self, *, seq: int | None = None, key: str | None = None) -> StoredMessage | None:
        return self._wait(self._access.get(seq=seq, key=key))

    def batches(
        self, start_seq: int | None = None, end_seq: int | None = None
    ) -> Iterator[list[StoredMessage]]:
        async def collect() -> list[list[StoredMessage]]:
            found = self._access.get_all(start_seq=start_seq, end_seq=end_seq)
            return [batch async for batch in found]

        yield from self._wait(collect())

    def delete(self, **selectors: Any) -> Change[list[int]]:
        return self._change(lambda: self._access.delete(**selectors))

    def config(self, wanted: Mapping[str, object] | None = None) -> Change[StreamConfig]:
        return self._change(lambda: self._access.config(wanted))

    def inventory(self) -> Inventory:
        return self._wait(self._access.inventory())

    def keys(self) -> list[str]:
        return self._wait(self._access.keys())

    def close(self) -> None:
        self._wait(self._access.close())

    def _change(self, call: Callable[[], Coroutine[Any, Any, T]]) -> Change[T]:
        async def change() -> Change[T]:
            self._take_updates()
            result = await call()
            await self._access.server_id()
            return Change(result, tuple(self._take_updates()))

        return self._wait(change())

    def _take_updates(self) -> list[Update]:
        updates: list[Update] = []
        while self._feed._events:
            events = self._feed._events.popleft()
            assert not isinstance(events, Reset)
            updates += events
        return updates

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_S)


@contextmanager
def remote_store(
    root: Path, clock: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> Iterator[RemoteStore]:
    """Give an empty stream behind a service."""
    monkeypatch.setattr(feed_writer, "WINDOW_S", 0)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()

    async def begin() -> RemoteStore:
        world = World(root, stack)
        stack.push_async_callback(world.broker.stop)
        await world.service(open_store=lambda _options: MemoryStore(clock=clock))
        access = await world.stream()
        return RemoteStore(loop, access, await access.changefeed())

    try:
        yield asyncio.run_coroutine_threadsafe(begin(), loop).result(TIMEOUT_S)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(TIMEOUT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
