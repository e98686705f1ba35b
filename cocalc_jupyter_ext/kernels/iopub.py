"""Reads a kernel's output channel in a thread of its own, so that no line is lost.

A subscriber that reads too slowly makes ZeroMQ drop messages silently, and an event loop that
edits a document is too slow at times. So the thread does nothing but read and coalesce, its
socket queues without limit (``RCVHWM`` 0), and its context has an I/O thread of its own. The
backlog between thread and loop is bounded in bytes: it leaves out the oldest outputs, so that the
thread never waits because of them, and nothing piles up in the socket. Only when it is full of
other messages the thread waits.

What is large is handled as bytes for as long as possible: to parse it takes longer than to receive
it. The parts of a long text that nobody will see are never parsed, and outputs not before they
are taken.

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
from dataclasses import dataclass
from functools import partial
from hmac import compare_digest
from typing import Any, TypeAlias

import zmq
from jupyter_client.session import Session

from .backlog import OUTPUT_KINDS, Backlog, IopubMessage
from .channels import UNREADABLE, ConnectionInfo, check_parts, connection
from .large_outputs import LARGE_BYTES, MAX_OUTPUT_BYTES, MAX_TEXT_BYTES, shortened_text, too_large

__all__ = ["Frame", "IopubReader", "Part"]

_log = logging.getLogger(__name__)
_BURST = 50
"""Messages that follow one another closely before the reader pauses between them."""
_COPIED_FRAMES = 5
"""Topic, mark, signature and headers, which are small; the content comes after them."""
_QUIET_S = 0.01
_PAUSE_S = 0.003
_CAPTURES = b'"msg_id"'
"""What a message of a comm says that makes an Output widget capture outputs, or stop that."""
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


Frame: TypeAlias = bytes | zmq.Frame
"""One frame of a message, copied or where ZeroMQ has it."""
Part: TypeAlias = bytes | memoryview
"""The same as what can be read; a small one is always bytes."""


@dataclass(frozen=True, slots=True)
class _Unread:
    """A message that is parsed when it is taken."""

    parent_id: str
    kind: str
    read: Callable[[], IopubMessage | None]


class IopubReader:
    """The thread, from construction until ``close``.

    ``on_messages`` is called on the event loop when ``take`` has something new, ``on_heard``
    when anything at all was received. Without ``wants_comms`` only those messages of comms come
    that say what Output widgets capture.
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
        wants_comms: bool = True,
    ) -> None:
        self.status_topic = b""
        """Under which topic the kernel publishes its states, once that is known."""
        self._loop = asyncio.get_running_loop()
        self._session_id = session.session
        # Sessions are not thread-safe: this one checks signatures in the thread alone.
        self._session = Session(session=session.session)
        self._on_messages = on_messages
        self._on_heard = on_heard
        self._wants_comms = wants_comms
        self._changed = threading.Condition()
        self._new_backlog = partial(Backlog, joins_text=joins_text, max_bytes=max_backlog_bytes)
        self._backlog = self._new_backlog()
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
            taken, self._backlog = self._backlog, self._new_backlog()
            self._changed.notify()
        return taken.take()  # reads large messages, which the thread must not wait for

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

    def _next_frames(self, *, paused: bool) -> list[Frame]:
        """Return the next message; while many come, sleep until there are some at once.

        To be woken for a message costs several times what reading it does.
        """
        try:
            frames = self._receive_frames(zmq.NOBLOCK)
        except zmq.Again:
            if paused:
                time.sleep(_PAUSE_S)
            frames = self._receive_frames()
        return frames

    def _receive_frames(self, flags: int = 0) -> list[Frame]:
        """Return a message; its content, which may be a gigabyte, stays where ZeroMQ has it."""
        frames: list[Frame] = [self._socket.recv(flags)]
        while self._socket.rcvmore:
            copy = len(frames) < _COPIED_FRAMES
            frames.append(self._socket.recv(copy=copy))
        return frames

    def _receive(self, frames: list[Frame]) -> None:
        try:
            received = self._read(frames)
        except UNREADABLE:
            _log.warning("A kernel published a message that cannot be read", exc_info=True)
            return
        if received is not None:
            self._hand_over(received, sum(map(len, frames)))

    def _read(self, frames: list[Frame]) -> "IopubMessage | _Unread | None":
        """Return a message if somebody here needs it.

        The session's own way of reading takes most of the time when a kernel prints fast: it
        parses dates and converts old protocols.
        """
        topics, parts = self.split(frames)
        signature, header, parent_header, _, content, *_ = parts
        self._check(signature, parts[1:5])
        kind = str(self.unpack(header)["msg_type"])
        if kind == "status" and topics:
            self.status_topic = topics[0]
        parent = self._cause(kind, self.unpack(parent_header))
        if parent.get("session") != self._session_id and kind not in _FROM_ALL_SESSIONS:
            return None
        if kind.startswith("comm_") and not self._wants_comms and _CAPTURES not in bytes(content):
            return None
        parent_id = str(parent.get("msg_id", ""))
        if len(content) > LARGE_BYTES and kind in OUTPUT_KINDS:
            return self._large(parent_id, kind, parts)
        return self._parsed(parent_id, kind, parts)

    def split(self, frames: list[Frame]) -> tuple[list[Any], list[Part]]:
        """Return the topics of a message, and its parts from the signature on."""
        topics, fed = self._session.feed_identities(frames)  # type: ignore[arg-type]  # any buffer
        return topics, [_part(frame) for frame in fed]

    def unpack(self, part: Part) -> Any:
        """Parse a part."""
        return self._session.unpack(bytes(part))

    def _parsed(self, parent_id: str, kind: str, parts: list[Part]) -> IopubMessage:
        content, metadata = self.unpack(parts[4]), self.unpack(parts[3])
        check_parts(content, metadata)
        return IopubMessage(parent_id, kind, content, metadata, tuple(map(bytes, parts[5:])))

    def _large(self, parent_id: str, kind: str, parts: list[Part]) -> "IopubMessage | _Unread":
        """Return a large output: a text without its middle, anything else without reading it."""
        content = parts[4]
        if kind == "stream":
            shortened = shortened_text(content, MAX_TEXT_BYTES)
            if shortened is not None:
                return IopubMessage(parent_id, kind, shortened)
        if len(content) > MAX_OUTPUT_BYTES:
            return IopubMessage(parent_id, *too_large(kind, len(content)))
        return _Unread(parent_id, kind, lambda: self._readable(parent_id, kind, parts))

    def _readable(self, parent_id: str, kind: str, parts: list[Part]) -> IopubMessage | None:
        """Parse what was taken; called on the event loop."""
        try:
            return self._parsed(parent_id, kind, parts)
        except UNREADABLE:
            _log.warning("A kernel published an output that cannot be read", exc_info=True)
            return None

    def _cause(self, kind: str, parent: dict[str, Any]) -> dict[str, Any]:
        """Return the header of the request that a message comes from."""
        asked = parent.get("msg_type")
        if asked == "execute_request":
            self._latest_run = parent
        elif kind in _CAUSED_BY_CODE and asked in _QUESTIONS:
            return self._latest_run
        return parent

    def _check(self, signature: Part, parts: list[Part]) -> None:
        """Raise ``ValueError`` if somebody else than the kernel signed the message."""
        if self._session.auth is not None and not compare_digest(
            signature,
            self._session.sign(parts),
        ):
            raise ValueError("the signature is wrong")

    def _hand_over(self, received: "IopubMessage | _Unread", size_bytes: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or not self._backlog.is_full)
            first = len(self._backlog) == 0
            if isinstance(received, IopubMessage):
                self._backlog.add(received, size_bytes)
            else:
                self._backlog.add_unread(
                    received.parent_id, received.kind, size_bytes, received.read
                )
        if first:
            self._call(self._on_messages)

    def _call(self, callback: Callable[[], None]) -> None:
        with self._changed:
            if not self._closing:
                self._loop.call_soon_threadsafe(callback)


def _part(frame: Frame) -> Part:
    if isinstance(frame, bytes):
        return frame
    return frame.bytes if len(frame) <= LARGE_BYTES else frame.buffer
