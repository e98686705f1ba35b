"""A stream in the same process, without sockets: for tests of what is built on streams."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Self

from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.persist.access import Events, Reset
from cocalc_jupyter_ext.conat.persist.config import StreamConfig
from cocalc_jupyter_ext.conat.persist.messages import (
    Inventory,
    NewMessage,
    Receipt,
    StoredMessage,
    Update,
)
from cocalc_jupyter_ext.conat.persist.store import StreamStore

__all__ = ["DirectAccess", "DirectFeed", "DirectStream"]


class DirectStream:
    """One store and everybody who watches it; ``access()`` makes a client of it."""

    def __init__(self, store: StreamStore) -> None:
        self.store = store
        self.feeds: set[DirectFeed] = set()

    def access(self) -> "DirectAccess":
        return DirectAccess(self)

    def tell(self, updates: Sequence[Update]) -> None:
        for feed in self.feeds:
            if updates:
                feed.put(list(updates))

    def reset(self, reset: Reset | None = None) -> None:
        """Let all watchers believe that they may have missed something."""
        for feed in self.feeds:
            feed.put(reset or Reset())


class DirectFeed:
    """A changefeed that keeps everything."""

    def __init__(self, stream: DirectStream) -> None:
        self._stream = stream
        self._events: asyncio.Queue[Events | None] = asyncio.Queue()
        stream.feeds.add(self)

    def put(self, events: Events) -> None:
        self._events.put_nowait(events)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Events:
        events = await self._events.get()
        if events is None:
            raise StopAsyncIteration
        return events

    def close(self) -> None:
        if self in self._stream.feeds:
            self._stream.feeds.discard(self)
            self._events.put_nowait(None)


class DirectAccess:
    """A StreamAccess; every call gives others a turn, as a call over a network does."""

    def __init__(self, stream: DirectStream) -> None:
        self._stream = stream
        self._feeds: list[DirectFeed] = []

    async def set(self, message: NewMessage, *, timeout_s: float | None = None) -> Receipt:
        await asyncio.sleep(0)
        change = self._stream.store.set(message)
        self._stream.tell(change.updates)
        return change.result

    async def set_many(
        self, messages: Sequence[NewMessage], *, timeout_s: float | None = None
    ) -> list[Receipt | ConatError]:
        await asyncio.sleep(0)
        change = self._stream.store.set_many(messages)
        self._stream.tell(change.updates)
        return list(change.result)

    async def get(
        self, *, seq: int | None = None, key: str | None = None, timeout_s: float | None = None
    ) -> StoredMessage | None:
        await asyncio.sleep(0)
        return self._stream.store.get(seq=seq, key=key)

    async def get_all(
        self,
        *,
        start_seq: int | None = None,
        end_seq: int | None = None,
        timeout_s: float | None = None,
        max_wait_s: float | None = None,
    ) -> AsyncGenerator[list[StoredMessage], None]:
        for batch in list(self._stream.store.batches(start_seq, end_seq)):
            await asyncio.sleep(0)
            yield batch

    async def delete(
        self,
        *,
        all: bool = False,  # noqa: A002 - the name of the contract
        last_seq: int | None = None,
        seq: int | None = None,
        seqs: Sequence[int] | None = None,
        timeout_s: float | None = None,
    ) -> list[int]:
        await asyncio.sleep(0)
        change = self._stream.store.delete(all=all, last_seq=last_seq, seq=seq, seqs=seqs)
        self._stream.tell(change.updates)
        return change.result

    async def config(
        self, wanted: Mapping[str, object] | None = None, *, timeout_s: float | None = None
    ) -> StreamConfig:
        await asyncio.sleep(0)
        change = self._stream.store.config(wanted)
        self._stream.tell(change.updates)
        return change.result

    async def inventory(self, *, timeout_s: float | None = None) -> Inventory:
        await asyncio.sleep(0)
        return self._stream.store.inventory()

    async def keys(self, *, timeout_s: float | None = None) -> list[str]:
        await asyncio.sleep(0)
        return self._stream.store.keys()

    async def changefeed(self) -> DirectFeed:
        await asyncio.sleep(0)
        feed = DirectFeed(self._stream)
        self._feeds.append(feed)
        return feed

    async def close(self) -> None:
        for feed in self._feeds:
            feed.close()
