"""A map whose values are asked for one by one; nothing is held here (conat-sync §4.4)."""

from datetime import datetime
from typing import Any

from ..persist.messages import TOMBSTONE_HEADER, NewMessage, Receipt, StoredMessage
from ..protocol.codec import decode, encode
from ..types import JsonObject
from .times import datetime_from_ms
from .unmirrored import Unmirrored

__all__ = ["AKV"]


class AKV(Unmirrored):
    """The same store as a DKV of that name; open it with ``open_akv``.

    All methods take ``timeout_s`` (default 30 s) and raise RequestTimeout, or RemoteError with
    the server's code.
    """

    async def get(self, key: str, default: Any = None, *, timeout_s: float | None = None) -> Any:
        """Return the value of a key, ``default`` when it is missing or deleted."""
        message = await self.get_message(key, timeout_s=timeout_s)
        if message is None or message.is_tombstone:
            return default
        return decode(message.raw, message.encoding)

    async def get_message(
        self, key: str, *, timeout_s: float | None = None
    ) -> StoredMessage | None:
        """Return the message of a key, also one that deletes it; None when there is none."""
        return await self._access.get(key=key, timeout_s=timeout_s)

    async def headers(self, key: str, *, timeout_s: float | None = None) -> JsonObject | None:
        """Return the headers of a key; None without any."""
        message = await self.get_message(key, timeout_s=timeout_s)
        return None if message is None else message.headers

    async def time(self, key: str, *, timeout_s: float | None = None) -> datetime | None:
        """Return when the key was written; None when it never was."""
        message = await self.get_message(key, timeout_s=timeout_s)
        return None if message is None else datetime_from_ms(message.time_ms)

    async def seq(self, key: str, *, timeout_s: float | None = None) -> int | None:
        """Return the number of the key's message; None when there is none."""
        message = await self.get_message(key, timeout_s=timeout_s)
        return None if message is None else message.seq

    async def set(
        self,
        key: str,
        value: Any,
        *,
        headers: JsonObject | None = None,
        previous_seq: int | None = None,
        ttl_ms: float | None = None,
        msg_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Receipt:
        """Write a key; raises Rejected, or WrongLastSequence when ``previous_seq`` is not its."""
        return await self._store(
            value,
            key=key,
            headers=headers,
            previous_seq=previous_seq,
            ttl_ms=ttl_ms,
            msg_id=msg_id,
            timeout_s=timeout_s,
        )

    async def delete(self, key: str, *, timeout_s: float | None = None) -> Receipt:
        """Delete a key, also one that does not exist; what remains of it does not expire."""
        message = NewMessage(raw=encode(None), headers={TOMBSTONE_HEADER: True}, key=key)
        return await self._access.set(message, timeout_s=timeout_s)

    async def keys(self, *, timeout_s: float | None = None) -> list[str]:
        """Return all keys in the order of their last write, deleted ones included."""
        return await self._access.keys(timeout_s=timeout_s)
