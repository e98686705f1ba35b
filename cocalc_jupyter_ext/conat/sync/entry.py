"""A message of a mirror: its payload is decoded when the value is first asked for.

A long payload is let go then, since the value takes as much: a notebook's first commit is as long
as the notebook. What is left of it is its length and its hash, to recognise the message by.
"""

import logging
from typing import Any, Final

from ..errors import CodecError
from ..persist.messages import StoredMessage
from ..protocol.codec import decode
from ..types import JsonObject

__all__ = ["Entry", "PayloadGone"]

_log = logging.getLogger(__name__)

_LONG_BYTES: Final = 1024


class PayloadGone(LookupError):  # noqa: N818 - named like the errors of conat
    """The payload of a message was decoded and released; use its value."""

    def __init__(self, seq: int) -> None:
        super().__init__(seq)
        self.seq = seq

    def __str__(self) -> str:
        return f"the payload of message {self.seq} was decoded and released; use its value"


class Entry:
    """A message of the mirror; its value is decoded once, so nobody may change the object."""

    __slots__ = ("_let_go", "_message", "_value")

    # Neither is set before it is needed: half of the cost of an entry would be that.
    _value: Any
    _let_go: tuple[int, int]

    def __init__(self, message: StoredMessage) -> None:
        self._message = message

    @property
    def seq(self) -> int:
        """The number of the message."""
        return self._message.seq

    @property
    def time_ms(self) -> int:
        """When it was stored, as Unix time."""
        return self._message.time_ms

    @property
    def key(self) -> str | None:
        """The key that it writes."""
        return self._message.key

    @property
    def headers(self) -> JsonObject | None:
        """The headers; None without any."""
        return self._message.headers

    @property
    def is_tombstone(self) -> bool:
        """Whether it deletes its key."""
        return self._message.is_tombstone

    @property
    def size_bytes(self) -> int:
        """The length of the payload."""
        return self._let_go[0] if hasattr(self, "_let_go") else len(self._message.raw)

    @property
    def message(self) -> StoredMessage:
        """The message as it is stored; raises PayloadGone when a long value was asked for."""
        if hasattr(self, "_let_go"):
            raise PayloadGone(self.seq)
        return self._message

    @property
    def value(self) -> Any:
        """The payload; None for a tombstone, and for bytes that are no value of the encoding."""
        try:
            return self._value
        except AttributeError:
            self._value = self._decoded()
            return self._value

    def holds(self, message: StoredMessage) -> bool:
        """Return whether this is that very message."""
        if not hasattr(self, "_let_go"):
            return self._message == message
        return self._let_go == _print(message.raw) and self._message == _without_payload(message)

    def _decoded(self) -> Any:
        message = self._message
        try:
            value = decode(message.raw, message.encoding)
        except CodecError as error:
            _log.error("message %d cannot be decoded and reads as null: %s", self.seq, error)
            value = None
        if len(message.raw) > _LONG_BYTES:
            self._let_go = _print(message.raw)
            self._message = _without_payload(message)
        return value


def _print(raw: bytes) -> tuple[int, int]:
    return len(raw), hash(raw)


def _without_payload(message: StoredMessage) -> StoredMessage:
    return message._replace(raw=b"")
