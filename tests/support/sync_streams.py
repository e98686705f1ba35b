"""Shared structures over a stream in the same process whose network misbehaves on demand."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from cocalc_jupyter_ext.conat.errors import ConatError, RequestTimeout
from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore
from cocalc_jupyter_ext.conat.persist.errors import StoreFull
from cocalc_jupyter_ext.conat.persist.messages import NewMessage, Receipt, Update
from cocalc_jupyter_ext.conat.sync.core_stream import CoreStream
from cocalc_jupyter_ext.conat.sync.dkv import DKV
from cocalc_jupyter_ext.conat.sync.dstream import DStream
from cocalc_jupyter_ext.conat.sync.merge import Merge

from . import virtual_time
from .conat_peers import make_ids
from .direct_streams import DirectAccess, DirectFeed, DirectStream

__all__ = ["FaultyAccess", "FaultyStream"]


class FaultyStream(DirectStream):
    """A store, its watchers, and what goes wrong between.

    ``errors`` are raised by the next calls that write or load, before anything is done; as
    often as ``loses_replies`` messages are stored and the answer never comes; ``failing_keys``
    cannot be stored; ``hold_echoes`` keeps updates back until ``release``; ``on_read`` is
    called, and has its effects, between reading and giving messages. ``written`` records what
    was asked to be stored, ``loads`` what was asked for.
    """

    def __init__(self, store: MemoryStore | None = None) -> None:
        super().__init__(store or MemoryStore())
        self.errors: list[ConatError] = []
        self.loses_replies = 0
        self.written: list[list[NewMessage]] = []
        self.loads: list[tuple[int | None, int | None]] = []
        self.failing_keys: set[str] = set()
        self.on_read: Callable[[], None] | None = None
        self.opened = 0
        self._held: list[list[Update]] | None = None
        self._names = make_ids("writer")

    def access(self) -> "FaultyAccess":
        return FaultyAccess(self)

    def tell(self, updates: Sequence[Update]) -> None:
        if self._held is None:
            super().tell(updates)
        elif updates:
            self._held.append(list(updates))

    def hold_echoes(self) -> None:
        self._held = []

    def release(self) -> None:
        held, self._held = self._held or [], None
        for updates in held:
            super().tell(updates)

    def lose_echoes(self) -> None:
        """Drop what is held, as when a connection breaks."""
        self._held = None

    def restart(self) -> None:
        """Begin anew with nothing, as an ephemeral stream does."""
        self.store.close()
        self.store = MemoryStore()

    @asynccontextmanager
    async def core(
        self, config: Mapping[str, object] | None = None, *, start_seq: int | None = None
    ) -> AsyncIterator[CoreStream]:
        core = CoreStream(self.access(), "box", start_seq=start_seq)
        await core.open(config)
        try:
            yield core
        finally:
            await core.close()

    @asynccontextmanager
    async def dkv(
        self,
        *,
        merge: Merge | None = None,
        autosave: bool = False,
        config: Mapping[str, object] | None = None,
    ) -> AsyncIterator[DKV]:
        core = CoreStream(self.access(), "box")
        await core.open({**(config or {}), "allow_msg_ttl": True})
        dkv = DKV(core, self._make_id, merge=merge)
        dkv.start(autosave=autosave)
        async with dkv:
            yield dkv

    @asynccontextmanager
    async def dstream(
        self,
        *,
        autosave: bool = False,
        config: Mapping[str, object] | None = None,
        start_seq: int | None = None,
    ) -> AsyncIterator[DStream]:
        core = CoreStream(self.access(), "log", start_seq=start_seq)
        await core.open(config)
        dstream = DStream(core, self._make_id)
        dstream.start(autosave=autosave)
        async with dstream:
            yield dstream

    def _make_id(self) -> str:
        return f"{self._names()}-"


class FaultyAccess(DirectAccess):
    """A client of a faulty stream."""

    _stream: FaultyStream

    async def set(self, message: NewMessage, *, timeout_s: float | None = None) -> Receipt:
        (answer,) = await self.set_many([message], timeout_s=timeout_s)
        if isinstance(answer, ConatError):
            raise answer
        return answer

    async def set_many(
        self, messages: Sequence[NewMessage], *, timeout_s: float | None = None
    ) -> list[Receipt | ConatError]:
        stream = self._stream
        stream.written.append(list(messages))
        if stream.errors:
            raise stream.errors.pop(0)
        failing = [message for message in messages if message.key in stream.failing_keys]
        kept = [message for message in messages if message not in failing]
        stored = iter(await super().set_many(kept, timeout_s=timeout_s))
        answers = [StoreFull("disk full") if each in failing else next(stored) for each in messages]
        if stream.loses_replies:
            stream.loses_replies -= 1
            raise RequestTimeout("timeout")
        return answers

    async def get_all(self, **options: Any) -> Any:
        self._stream.loads.append((options.get("start_seq"), options.get("end_seq")))
        if self._stream.errors:
            raise self._stream.errors.pop(0)
        async for batch in super().get_all(**options):
            if self._stream.on_read is not None:
                self._stream.on_read()
                await virtual_time.settle()
            yield batch

    async def changefeed(self) -> DirectFeed:
        self._stream.opened += 1
        return await super().changefeed()
