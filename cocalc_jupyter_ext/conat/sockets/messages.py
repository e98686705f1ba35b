"""Reading a socket as an iterator, with back pressure.

What nobody has read yet is not acknowledged, so a reader that does not keep up slows the writer
down until it gets SocketFull; nothing is lost and nothing grows without bound.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from .errors import SocketClosed, SocketError

__all__ = ["SocketMessages"]

MAX_UNREAD: Final = 20_000


class SocketMessages:
    """An asynchronous iterator over ``(value, headers)``; close it when it is not read any more.

    It ends when the socket is closed, after what had arrived before. A peer that keeps sending
    without minding acknowledgements makes it raise SocketError.
    """

    def __init__(
        self,
        on_read: Callable[[], None],
        on_close: Callable[["SocketMessages"], None],
        max_unread: int = MAX_UNREAD,
    ) -> None:
        self._on_read = on_read
        self._on_close = on_close
        self._max_unread = max_unread
        self._values: deque[tuple[Any, dict[str, Any]]] = deque()
        self._changed = asyncio.Event()
        self._ended_by: SocketError | None = None

    def __len__(self) -> int:
        """Return how many messages wait to be read."""
        return len(self._values)

    def __aiter__(self) -> "SocketMessages":
        return self

    async def __anext__(self) -> tuple[Any, dict[str, Any]]:
        """Return the next message. Cancelling this loses none."""
        while not self._values:
            if isinstance(self._ended_by, SocketClosed):
                raise StopAsyncIteration
            if self._ended_by is not None:
                raise self._ended_by
            self._changed.clear()
            await self._changed.wait()
        message = self._values.popleft()
        self._on_read()
        return message

    async def __aenter__(self) -> "SocketMessages":
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.close()

    def put(self, value: Any, headers: dict[str, Any]) -> None:
        """Keep a message for the reader."""
        if self._ended_by is not None:
            return
        if len(self._values) >= self._max_unread:
            self.end(SocketError(f"{self._max_unread} messages are unread; read faster"))
            self._on_close(self)
            return
        self._values.append((value, headers))
        self._changed.set()

    def end(self, error: SocketError) -> None:
        """Note that no message will come any more, and why; the first reason stays."""
        self._ended_by = self._ended_by or error
        self._changed.set()

    def close(self) -> None:
        """Stop reading; calling it again does nothing."""
        self._values.clear()
        self.end(SocketClosed())
        self._on_close(self)
