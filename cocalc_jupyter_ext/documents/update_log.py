"""The update log of one document: every change, in order, on disk (design D5).

The log is a stream (conat-sync §2.2). Unkeyed messages are Yjs updates, each as one msgpack
binary, with the author's name and the kind in the headers; the message with key ``meta`` says
how the log relates to the plain file, that with key ``heads`` which commits the document
contains. Compaction replaces all of them by one snapshot.

This class is synchronous and is called from a worker thread, one call at a time.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

import msgpack

from ..conat.persist.database.sqlite_store import SqliteStore
from ..conat.persist.errors import StoreCorrupt, StoreError
from ..conat.persist.messages import NewMessage, StoredMessage
from ..conat.protocol.codec import Encoding
from .storage import FileVersion

__all__ = ["LogContents", "LogMeta", "LoggedUpdate", "UpdateLog"]

_META, _HEADS = "meta", "heads"
_KIND_UPDATE, _KIND_SNAPSHOT = "update", "snapshot"


@dataclass(frozen=True, slots=True)
class LoggedUpdate:
    """One change and who made it (a user name, or empty for the server itself)."""

    update: bytes
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMeta:
    """How the log relates to the plain file.

    ``epoch`` names the history: a page that holds another one must not be merged. ``file`` is
    the state of the file that was last read or written, ``digest`` that of the content that
    went with it. ``writing`` is the digest of content whose writing was begun and not yet
    confirmed, so that a file found after a crash is recognised as our own.
    """

    epoch: str
    file: FileVersion | None
    digest: str | None
    writing: str | None = None

    def begun(self, digest: str) -> "LogMeta":
        """Note that content is about to be written to the file."""
        return replace(self, writing=digest)

    def settled(self, file: FileVersion, digest: str) -> "LogMeta":
        """Note that the file now holds this content."""
        return replace(self, file=file, digest=digest, writing=None)


@dataclass(frozen=True, slots=True)
class LogContents:
    """All updates in order, and the metadata; ``meta`` is None for a new log.

    ``heads`` are the times of commits that the document contains with all that they build on
    (design D5); None when it never had any.
    """

    updates: list[bytes]
    meta: LogMeta | None
    heads: tuple[int, ...] | None = None


class UpdateLog:
    """The changes of one document in a stream store.

    ``before`` stores what the changes refer to; it is called before anything is stored here, and
    what it raises (StoreError) keeps it from being stored.
    """

    def __init__(self, store: SqliteStore, before: Callable[[], None] | None = None) -> None:
        self._store = store
        self._before = before or _nothing
        self._last_seq = 0
        self._bytes = store.total_bytes()
        self._heads: tuple[int, ...] | None = None

    @property
    def size_bytes(self) -> int:
        """The size of everything in the log, by conat-sync §2.4, as far as written here."""
        return self._bytes

    def read(self) -> LogContents:
        """Return everything; raises StoreCorrupt when some of it is unreadable."""
        updates, meta = [], None
        self._heads = None
        for message in chain.from_iterable(self._store.batches()):
            self._last_seq = message.seq
            if message.key is None:
                updates.append(_update_of(message))
            elif message.key == _META:
                meta = _meta_of(message)
            elif message.key == _HEADS:
                self._heads = _heads_of(message)
        if updates and meta is None:
            msg = "the log says nothing about its file"
            raise StoreCorrupt(msg)
        return LogContents(updates, meta, self._heads)

    def append(self, updates: Sequence[LoggedUpdate], heads: tuple[int, ...] | None = None) -> None:
        """Store updates in one transaction; when this returns they outlive the process.

        ``heads`` are stored with them, where they have changed.
        """
        messages = [self._message(u, _KIND_UPDATE) for u in updates]
        if heads is not None:
            messages.append(self._heads_message(heads))
            self._heads = heads
        self._store_all(messages)
        self._bytes += sum(len(u.update) for u in updates)

    def write_meta(self, meta: LogMeta) -> None:
        """Store the metadata."""
        self._store_all([self._meta_message(meta)])

    def compact(self, snapshot: bytes, meta: LogMeta) -> None:
        """Replace everything by one snapshot, in one transaction."""
        self._before()
        messages = [self._message(LoggedUpdate(snapshot), _KIND_SNAPSHOT), self._meta_message(meta)]
        if self._heads is not None:
            messages.append(self._heads_message(self._heads))
        self._last_seq = self._store.replace_through(self._last_seq, messages).result[-1].seq
        self._bytes = self._store.total_bytes()

    def close(self) -> None:
        """Release the file; further calls do nothing."""
        self._store.close()

    def _store_all(self, messages: Sequence[NewMessage]) -> None:
        self._before()
        for answer in self._store.set_many(messages).result:
            if isinstance(answer, StoreError):
                raise answer
            self._last_seq = answer.seq

    def _message(self, entry: LoggedUpdate, kind: str) -> NewMessage:
        headers = {"kind": kind} | ({"author": entry.author} if entry.author else {})
        raw = msgpack.packb(entry.update)
        return NewMessage(raw=raw, headers=headers)

    def _meta_message(self, meta: LogMeta) -> NewMessage:
        raw = json.dumps(asdict(meta)).encode()
        return NewMessage(raw=raw, encoding=Encoding.JSON, key=_META)

    def _heads_message(self, heads: tuple[int, ...]) -> NewMessage:
        return NewMessage(raw=json.dumps(heads).encode(), encoding=Encoding.JSON, key=_HEADS)


def _nothing() -> None:
    """Store nothing: the changes refer to nothing else."""


def _update_of(message: StoredMessage) -> bytes:
    try:
        update = msgpack.unpackb(message.raw)
    except ValueError as error:
        raise StoreCorrupt(str(error)) from error
    if not isinstance(update, bytes):
        msg = f"message {message.seq} holds no update"
        raise StoreCorrupt(msg)
    return update


def _meta_of(message: StoredMessage) -> LogMeta:
    try:
        value: dict[str, Any] = json.loads(message.raw)
        file = value.pop("file")
        return LogMeta(
            file=None if file is None else FileVersion(**file),
            **value,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"the log's metadata cannot be read: {error}"
        raise StoreCorrupt(msg) from error


def _heads_of(message: StoredMessage) -> tuple[int, ...]:
    try:
        return tuple(map(int, json.loads(message.raw)))
    except (ValueError, TypeError) as error:
        msg = f"the commits that the document contains cannot be read: {error}"
        raise StoreCorrupt(msg) from error
