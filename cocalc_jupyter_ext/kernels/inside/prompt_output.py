"""Text output of Python kernels in which ``print(..., flush=True)`` in a loop is quick.

ipykernel sends from a thread of its own, and its ``flush`` waits until that thread has sent: two
changes of threads and a message for each line. Here a flush hands its text over, and in a long
row of flushes it waits only when none waited a moment ago. So a line that is flushed once in a
while is out when ``print`` returns, as ever, and of many in a row several travel in one message.
What is published stays in the order in which it was written, flushed and published.

A process that is killed amid such a row takes the lines of its last ``_TRUST_S`` with it.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from ipykernel.iostream import OutStream

__all__ = ["PromptOutStream"]

_TRUST_S: Final = 0.001
"""For how long after it waited a stream takes for granted that its thread keeps up."""
_ROW: Final = 20
"""Flushes that follow one another as closely before any of them does not wait."""

Parent = dict[str, Any]


class PromptOutStream(OutStream):
    """Replaces ipykernel's stream where ``IPKernelApp.outstream_class`` names it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._handing_over = threading.RLock()
        self._batch = _Batch(self)
        self._in_a_row = 0
        self._flushed_at = self._waited_at = 0.0

    def flush(self) -> None:
        """Have what was written sent; return when it is, or amid a row when others were."""
        if not self._has_sender() or threading.current_thread() is self.pub_thread.thread:
            super().flush()
            return
        self._hand_over()
        if not self._may_trust(time.monotonic()):
            self._wait_until_sent()
            self._waited_at = time.monotonic()
        self._flushed_at = time.monotonic()

    def _may_trust(self, now: float) -> bool:
        self._in_a_row = self._in_a_row + 1 if now - self._flushed_at < _TRUST_S else 0
        return self._in_a_row > _ROW and now - self._waited_at < _TRUST_S

    def _wait_until_sent(self) -> None:
        sent = threading.Event()
        self.pub_thread.schedule(sent.set)
        if not sent.wait(self.flush_timeout):
            print("IOStream.flush timed out", file=sys.__stderr__)

    def _flush(self) -> None:
        """Send what was written: what a timer of ipykernel does in the sending thread."""
        if not self._has_sender():
            super()._flush()
            return
        self._flush_pending = False
        self._hand_over()

    def _has_sender(self) -> bool:
        """Return whether texts can be handed over: not in a forked process, nor at the end."""
        sender = self.pub_thread
        return (
            self.echo is None
            and os.getpid() == self._master_pid
            and sender is not None
            and sender.thread is not None
            and sender.thread.is_alive()
        )

    def _hand_over(self) -> None:
        """Queue what was written, together with the texts before it if nothing came between."""
        with self._handing_over:
            written = [(parent, text) for parent, text in self._flush_buffers() if text]
            if not written:
                return
            if not _is_last(self._batch.send, self.pub_thread):
                self._batch = _Batch(self)
                self._batch.add(written)
                self.pub_thread.schedule(self._batch.send)
            else:
                self._batch.add(written)


class _Batch:
    """Texts that are sent one after another, those of one cell as one."""

    def __init__(self, stream: PromptOutStream) -> None:
        self._stream = stream
        self._texts: list[tuple[Parent, list[str]]] = []
        # A bound method is made again at each look, and could not be found in the queue.
        self.send: Callable[[], None] = self._send

    def add(self, written: list[tuple[Parent, str]]) -> None:
        for parent, text in written:
            if self._texts and self._texts[-1][0] == parent:
                self._texts[-1][1].append(text)
            else:
                self._texts.append((parent, [text]))

    def _send(self) -> None:
        """Send the texts, in the sending thread and now: what was queued later comes later."""
        stream = self._stream
        with stream._handing_over:  # noqa: SLF001 - of this module
            texts, self._texts = self._texts, []
        sender = stream.pub_thread
        if sender is None or sender.closed:
            return
        for parent, pieces in texts:
            content = {"name": stream.name, "text": "".join(pieces)}
            stream.session.send(sender.socket, "stream", content, parent=parent, ident=stream.topic)


def _is_last(event: Callable[[], None], sender: Any) -> bool:
    """Return whether an event is the last one that the sending thread has still to do."""
    try:
        return sender._events[-1] is event  # noqa: SLF001 - there is no other way to see it
    except IndexError:
        return False
