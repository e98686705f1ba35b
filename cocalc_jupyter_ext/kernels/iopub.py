"""Reads a kernel's output channel in a thread of its own, so that no line is lost.

A subscriber that reads too slowly makes ZeroMQ drop messages silently, and an event loop that
edits a document is too slow at times. So the thread does nothing but read and coalesce, its
socket queues without limit (``RCVHWM`` 0), and its context has an I/O thread of its own. The
backlog between thread and loop is bounded in bytes; when it is full the thread waits.

Messages that nobody here needs are dropped in the thread: those that were caused by other
sessions, except updates of displays, which may concern a display of ours.

What a thread of the kernel prints after its cell has ended names as its cause whatever the kernel
was asked last, even if that was a page that wanted to know the kernel's version. Such an output
is taken as one of the code that ran last.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from hmac import compare_digest
from typing import Any

import zmq
from jupyter_client.session import Session

from .backlog import Backlog, IopubMessage
from .channels import UNREADABLE, ConnectionInfo, connection

__all__ = ["IopubReader"]

_log = logging.getLogger(__name__)
_BURST = 50
"""Messages that follow one another closely before the reader pauses between them."""
_QUIET_S = 0.01
_PAUSE_S = 0.003
_FROM_ALL_SESSIONS = {"update_display_data"}
_CAUSED_BY_CODE = {"stream", "display_data", "clear_output"}
_QUESTIONS = {
    "comm_info_request",
    "complete_request",
    "connect_request",
    "history_request",
    "inspect_request",
    "is_complete_request",
    "kernel_info_request",
}
"""Requests that run no cell: what seems to be an output of theirs comes from a thread."""


class IopubReader:
    """The thread, from construction until ``close``.

    ``on_messages`` is called on the event loop when ``take`` has something new, ``on_heard``
    when anything at all was received.
    """

    def __init__(
        self,
        info: ConnectionInfo,
        session: Session,
        *,
        on_messages: Callable[[], None],
        on_heard: Callable[[], None],
        max_backlog_bytes: int = 64_000_000,
        joins_text: bool = True,
    ) -> None:
        self.status_topic = b""
        """Under which topic the kernel publishes its states, once that is known."""
        self._loop = asyncio.get_running_loop()
        self._session_id = session.session
        # Sessions are not thread-safe: this one checks signatures in the thread alone.
        self._session = Session(session=session.session)
        self._on_messages = on_messages
        self._on_heard = on_heard
        self._max_backlog_bytes = max_backlog_bytes
        self._changed = threading.Condition()
        self._backlog = Backlog(joins_text=joins_text)
        self._latest_run: dict[str, Any] = {}
        self._closing = False
        self._context = zmq.Context()
        self._context.setsockopt(zmq.RCVHWM, 0)
        self._context.setsockopt(zmq.LINGER, 0)
        self._socket: Any = connection(info, self._session, self._context).connect_iopub()
        # jupyter_client lets its sockets linger: ``close`` would wait for a kernel that is gone.
        self._socket.linger = 0
        self._thread = threading.Thread(target=self._run, name="kernel iopub", daemon=True)
        self._thread.start()

    def take(self) -> list[IopubMessage]:
        """Return what was received since the previous call, in order."""
        with self._changed:
            messages = self._backlog.take()
            self._changed.notify()
        return messages

    def close(self) -> None:
        """End the thread; idempotent. Takes milliseconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._context.term()
        self._thread.join()

    def _run(self) -> None:
        try:
            heard = False
            burst, quiet_at = 0, time.monotonic()
            while True:
                frames = self._next_frames(paused=burst > _BURST)
                now = time.monotonic()
                burst, quiet_at = (0, now) if now - quiet_at > _QUIET_S else (burst + 1, now)
                if not heard:
                    heard = True
                    self._call(self._on_heard)
                self._receive(frames)
        except zmq.ContextTerminated:
            _log.debug("The reader of a kernel's output has ended")
        finally:
            self._socket.close()

    def _next_frames(self, *, paused: bool) -> list[bytes]:
        """Return the next message; while many come, sleep until there are some at once.

        To be woken for a message costs several times what reading it does.
        """
        try:
            frames: list[bytes] = self._socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            if paused:
                time.sleep(_PAUSE_S)
            frames = self._socket.recv_multipart()
        return frames

    def _receive(self, frames: list[bytes]) -> None:
        try:
            message = self._read(frames)
        except UNREADABLE:
            _log.warning("A kernel published a message that cannot be read", exc_info=True)
            return
        if message is not None:
            self._hand_over(message, sum(map(len, frames)))

    def _read(self, frames: list[bytes]) -> IopubMessage | None:
        """Return a message if somebody here needs it.

        The session's own way of reading takes most of the time when a kernel prints fast: it
        parses dates and converts old protocols.
        """
        topics, fed = self._session.feed_identities(frames)
        parts = [part if isinstance(part, bytes) else part.bytes for part in fed]
        signature, header, parent_header, metadata, content, *buffers = parts
        self._check(signature, parts[1:5])
        kind = self._session.unpack(header)["msg_type"]
        if kind == "status" and topics:
            self.status_topic = topics[0]
        parent = self._cause(kind, self._session.unpack(parent_header))
        if parent.get("session") != self._session_id and kind not in _FROM_ALL_SESSIONS:
            return None
        return IopubMessage(
            str(parent.get("msg_id", "")),
            kind,
            self._session.unpack(content),
            self._session.unpack(metadata),
            tuple(buffers),
        )

    def _cause(self, kind: str, parent: dict[str, Any]) -> dict[str, Any]:
        """Return the header of the request that a message comes from."""
        asked = parent.get("msg_type")
        if asked == "execute_request":
            self._latest_run = parent
        elif kind in _CAUSED_BY_CODE and asked in _QUESTIONS:
            return self._latest_run
        return parent

    def _check(self, signature: bytes, parts: list[bytes]) -> None:
        """Raise ``ValueError`` if somebody else than the kernel signed the message."""
        if self._session.auth is not None and not compare_digest(
            signature, self._session.sign(parts)
        ):
            raise ValueError("the signature is wrong")

    def _hand_over(self, message: IopubMessage, size_bytes: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._has_room())
            first = len(self._backlog) == 0
            self._backlog.add(message, size_bytes)
        if first:
            self._call(self._on_messages)

    def _has_room(self) -> bool:
        return self._backlog.size_bytes < self._max_backlog_bytes

    def _call(self, callback: Callable[[], None]) -> None:
        with self._changed:
            if not self._closing:
                self._loop.call_soon_threadsafe(callback)
