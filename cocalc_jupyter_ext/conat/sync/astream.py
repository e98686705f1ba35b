"""A log that is read and written piece by piece; nothing is held here (conat-sync §4.5)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Self

from ..errors import ConatError
from ..persist.access import Changefeed, Reset
from ..persist.config import StreamConfig
from ..persist.messages import Deleted, Inventory, NewMessage, Receipt, StoredMessage
from ..protocol.codec import UNDEFINED, decode, encode
from ..types import JsonObject
from .errors import NothingSelected, UndefinedValue
from .unmirrored import Unmirrored

__all__ = ["AStream", "StreamMessage"]


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """A message with its value decoded; ``time_ms`` is Unix time."""

    seq: int
    time_ms: int
    value: Any
    headers: JsonObject | None = None
    key: str | None = None


class AStream(Unmirrored):
    """The same store as a DStream of that name; open it with ``open_astream``.

    Methods with ``timeout_s`` (default 30 s) raise RequestTimeout; all raise RemoteError with the
    server's code.
    """

    async def get(
        self, seq_or_key: int | str, default: Any = None, *, timeout_s: float | None = None
    ) -> Any:
        """Return the value of a number or of a key; a deleted key reads as None."""
        message = await self.get_message(seq_or_key, timeout_s=timeout_s)
        return default if message is None else message.value

    async def get_message(
        self, seq_or_key: int | str, *, timeout_s: float | None = None
    ) -> StreamMessage | None:
        """Return the message of a number or of a key; raises TypeError for anything else."""
        if isinstance(seq_or_key, str):
            message = await self._access.get(key=seq_or_key, timeout_s=timeout_s)
        elif isinstance(seq_or_key, int) and not isinstance(seq_or_key, bool):
            message = await self._access.get(seq=seq_or_key, timeout_s=timeout_s)
        else:
            raise TypeError(f"{seq_or_key!r} is neither a number nor a key")
        return None if message is None else _decoded(message)

    async def headers(
        self, seq_or_key: int | str, *, timeout_s: float | None = None
    ) -> JsonObject | None:
        """Return the headers of a message; None without any."""
        message = await self.get_message(seq_or_key, timeout_s=timeout_s)
        return None if message is None else message.headers

    async def publish(
        self,
        value: Any,
        *,
        headers: JsonObject | None = None,
        key: str | None = None,
        previous_seq: int | None = None,
        ttl_ms: float | None = None,
        msg_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Receipt:
        """Append a message; raises UndefinedValue, Rejected, or WrongLastSequence."""
        _check_defined(value)
        return await self._store(
            value,
            key=key,
            headers=headers,
            previous_seq=previous_seq,
            ttl_ms=ttl_ms,
            msg_id=msg_id,
            timeout_s=timeout_s,
        )

    async def push(
        self, *values: Any, timeout_s: float | None = None
    ) -> list[Receipt | ConatError]:
        """Append several messages with one request; each has its own answer."""
        for value in values:
            _check_defined(value)
        messages = [NewMessage(raw=encode(value)) for value in values]
        return await self._access.set_many(messages, timeout_s=timeout_s)

    async def get_all(
        self,
        *,
        start_seq: int | None = None,
        end_seq: int | None = None,
        timeout_s: float | None = None,
        max_wait_s: float | None = None,
    ) -> AsyncGenerator[StreamMessage, None]:
        """Yield the messages from ``start_seq`` to ``end_seq``, both included, in order.

        Raises RemoteError with code 503 when the answer has a gap: begin again.
        """
        batches = self._access.get_all(
            start_seq=start_seq, end_seq=end_seq, timeout_s=timeout_s, max_wait_s=max_wait_s
        )
        async with aclosing(batches):
            async for batch in batches:
                for message in batch:
                    yield _decoded(message)

    async def changefeed(self) -> "StreamChanges":
        """Return an iterator over everything that happens from now on, independent of others."""
        return StreamChanges(await self._access.changefeed())

    async def delete(
        self,
        *,
        all: bool = False,  # noqa: A002 - the name of the contract
        last_seq: int | None = None,
        seq: int | None = None,
        seqs: Sequence[int] | None = None,
        timeout_s: float | None = None,
    ) -> list[int]:
        """Delete messages by the first selector given; return their numbers."""
        if not all and last_seq is None and seq is None and seqs is None:
            raise NothingSelected
        return await self._access.delete(
            all=all, last_seq=last_seq, seq=seq, seqs=seqs, timeout_s=timeout_s
        )

    async def config(
        self, wanted: Mapping[str, object] | None = None, *, timeout_s: float | None = None
    ) -> StreamConfig:
        """Change the given settings; return all that are in force (§2.6)."""
        return await self._access.config(wanted, timeout_s=timeout_s)

    async def inventory(self, *, timeout_s: float | None = None) -> Inventory:
        """Return how much the stream holds."""
        return await self._access.inventory(timeout_s=timeout_s)


class StreamChanges:
    """Yields a StreamMessage for each that is stored, Deleted for what went, and Reset.

    Reset means that deletions may have been missed while the connection was lost.
    """

    def __init__(self, feed: Changefeed) -> None:
        self._feed = feed
        self._ready: list[StreamMessage | Deleted | Reset] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamMessage | Deleted | Reset:
        """Return the next event. Cancelling this loses none."""
        while not self._ready:
            events = await anext(self._feed)
            self._ready = (
                [events]
                if isinstance(events, Reset)
                else [e if isinstance(e, Deleted) else _decoded(e.message) for e in events]
            )
            self._ready.reverse()
        return self._ready.pop()

    def close(self) -> None:
        """End the iteration; calling it again does nothing."""
        self._feed.close()


def _check_defined(value: Any) -> None:
    if value is UNDEFINED:
        raise UndefinedValue


def _decoded(message: StoredMessage) -> StreamMessage:
    value = decode(message.raw, message.encoding)
    return StreamMessage(message.seq, message.time_ms, value, message.headers, message.key)
