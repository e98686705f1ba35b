"""One piece of code that waits, runs, or has run (syncdoc-jupyter §4.2, §15).

An ``Execution`` gives messages ``{msg_type, content, metadata, buffers?}`` to one reader: all that
the kernel publishes because of it, without comms, and its reply if that is "ok". The last item
is ``{"done": True}``; a cancelled one just ends. What nobody reads is bounded: beyond the bound
outputs are left out, a message on stderr says how many, and ``overflow`` has the end of them.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from ..overflow import CellOverflow
from .errors import ExecutionRepeatedError

__all__ = [
    "MAX_OVERFLOW_CHARS",
    "MAX_UNREAD_CHARS",
    "Execution",
    "ExecutionState",
    "Message",
    "Stdin",
    "is_done",
]

ExecutionState: TypeAlias = Literal["init", "running", "done", "closed"]
Message: TypeAlias = dict[str, Any]
Stdin: TypeAlias = Callable[[str, bool], Awaitable[str]]
"""Answers a question of the code: ``(prompt, is_password) -> text``."""

MAX_UNREAD_CHARS: Final = 64_000_000
MAX_OVERFLOW_CHARS: Final = 2_500_000
_DONE: Final[Message] = {"done": True}
_OVERHEAD_CHARS: Final = 500
_OUTPUTS: Final = frozenset({"stream", "display_data", "execute_result", "update_display_data"})


def is_done(message: Mapping[str, Any]) -> bool:
    """Return whether this is the last item of an execution."""
    return message.get("done") is True


class Execution:
    """What ``Kernel.execute_code`` returns; read it with ``async for``, once.

    ``id`` is that of the cell, if there is one. ``timeout_ms`` counts from the moment when the
    kernel begins; ``cancel`` is told what to do when the execution is not wanted any more.
    """

    def __init__(
        self,
        code: str,
        *,
        id: str = "",  # noqa: A002 - the name in the contract
        halt_on_error: bool = True,
        stdin: Stdin | None = None,
        timeout_ms: float | None = None,
        silent: bool = False,
        max_unread_chars: int = MAX_UNREAD_CHARS,
        overflow: CellOverflow | None = None,
    ) -> None:
        self.code = code.strip()
        self.id = id
        self.halt_on_error = halt_on_error
        self.stdin = stdin
        self.timeout_ms = timeout_ms
        self.silent = silent
        self.on_cancel: Callable[[Execution], object] = lambda _: None
        self._state: ExecutionState = "init"
        self._max_unread_chars = max_unread_chars
        self._unread: deque[tuple[Message, int]] = deque()
        self._unread_chars = 0
        self._left_out = 0
        self.overflow = overflow or CellOverflow(MAX_OVERFLOW_CHARS)
        self._error: BaseException | None = None
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_read = False

    @property
    def state(self) -> ExecutionState:
        """``init`` while it waits; ``done`` if it ended by itself, ``closed`` if it was ended."""
        return self._state

    @property
    def error(self) -> BaseException | None:
        """Why it was ended, if it did not end by itself."""
        return self._error

    def __aiter__(self) -> AsyncIterator[Message]:
        """Return the messages; raises ``ExecutionRepeatedError`` the second time.

        The iterator raises what ended the execution, after the messages that came before.
        """
        if self._is_read:
            raise ExecutionRepeatedError
        self._is_read = True
        return self._read()

    async def wait(self) -> None:
        """Wait until it ended, whoever reads its messages; raises what ended it."""
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        """Take it out of the queue, or interrupt the kernel if it runs."""
        self.on_cancel(self)

    # For the kernel

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self._state in {"done", "closed"}

    async def ended(self) -> None:
        """Wait until it ended, however."""
        await self._ended.wait()

    def begin(self) -> None:
        """Notice that the kernel has the code; raises ``ExecutionRepeatedError``."""
        if self._state != "init":
            raise ExecutionRepeatedError
        self._state = "running"

    def push(self, message: Message) -> None:
        """Give a message to the reader, unless too much is unread."""
        if self.is_over:
            return
        chars = _size(message)
        if message["msg_type"] in _OUTPUTS and self._unread_chars + chars > self._max_unread_chars:
            self._left_out += 1
            self._keep(message)
        else:
            self._append(message, chars)

    def finish(self) -> None:
        """End it by itself, or because one before it failed: the last item tells."""
        if not self.is_over:
            if self._left_out:
                self._append(_notice(self._left_out), 0)
            self._append(_DONE, 0)
            self._end("done")

    def close(self, error: BaseException | None = None) -> None:
        """End it without the last item; with an error the reader gets that."""
        if not self.is_over:
            self._error = error
            self._end("closed")

    def _keep(self, message: Message) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            self.overflow.add_text(str(content.get("name")), str(content.get("text", "")))
        else:
            self.overflow.add({"output_type": message["msg_type"], **content})

    def _append(self, message: Message, chars: int) -> None:
        self._unread.append((message, chars))
        self._unread_chars += chars
        self._changed.set()

    def _end(self, state: ExecutionState) -> None:
        self._state = state
        self._changed.set()
        self._ended.set()

    async def _read(self) -> AsyncIterator[Message]:
        while True:
            while self._unread:
                message, chars = self._unread.popleft()
                self._unread_chars -= chars
                yield message
            if self.is_over:
                break
            self._changed.clear()
            await self._changed.wait()
        if self._error is not None:
            raise self._error


def _size(message: Message) -> int:
    content = message["content"]
    texts = [content.get("text", ""), *dict(content.get("data") or {}).values()]
    return _OVERHEAD_CHARS + sum(len(text) for text in texts if isinstance(text, str))


def _notice(count: int) -> Message:
    text = f"[{count} outputs were left out, because they were not read as fast as they came.]\n"
    return {"msg_type": "stream", "content": {"name": "stderr", "text": text}, "metadata": {}}
