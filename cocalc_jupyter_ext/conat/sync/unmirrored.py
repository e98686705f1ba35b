"""What maps and logs without a mirror have in common: a stream that is asked each time."""

from typing import Any, Self

from ..persist.access import StreamAccess
from ..persist.messages import NewMessage, Receipt
from ..protocol.codec import encode
from ..types import JsonObject

__all__ = ["Unmirrored"]


class Unmirrored:
    """Owns the access to a stream; use it as an asynchronous context manager, or ``close`` it."""

    def __init__(self, access: StreamAccess, name: str) -> None:
        self.name = name
        self._access = access

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up the stream and end its changefeeds; calling it again does nothing."""
        await self._access.close()

    async def _store(
        self,
        value: Any,
        *,
        key: str | None,
        headers: JsonObject | None,
        previous_seq: int | None,
        ttl_ms: float | None,
        msg_id: str | None,
        timeout_s: float | None,
    ) -> Receipt:
        message = NewMessage(
            raw=encode(value),
            headers=headers,
            key=key,
            ttl_ms=ttl_ms,
            previous_seq=previous_seq,
            msg_id=msg_id,
        )
        return await self._access.set(message, timeout_s=timeout_s)
