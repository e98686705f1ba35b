"""Lets the history of a document follow its file to another path (rules: SPEC H).

The stores of a document are named by its path (syncdoc-jupyter §1.1), so they are written again
under the new name and then emptied under the old one: who makes another file of the old name
begins with a history of its own. A move that was interrupted is completed by the next attempt.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ...conat.client.client import Client
from ...conat.errors import ConatError
from ...conat.persist.messages import NewMessage, Receipt, StoredMessage
from ...conat.protocol.codec import decode, encode
from ...conat.sync.core_stream import CoreStream
from ...conat.sync.opening import open_core_stream
from ..syncdoc.coordination import CoordinationRecord, participation, string_id
from ..syncdoc.stores import RecordStore, open_record
from .listing import list_moved, stream_name

__all__ = ["move_history"]

_log = logging.getLogger(__name__)

_BATCH: Final = 500


async def move_history(client: Client, project_id: str, old: str, new: str) -> bool:
    """Move the history of a synced path; return whether there was one that could be moved.

    Nothing is done where the new path has another history. Raises what reading and writing
    streams raises; then the old history is still there.
    """
    source = await _open_stream(client, project_id, old)
    try:
        if not len(source.replica):
            return False
        target = await _open_stream(client, project_id, new)
        try:
            return await _Move(client, project_id, old, new, source, target).run()
        finally:
            await target.close()
    finally:
        await source.close()


@dataclass(slots=True)
class _Move:
    """One move; ``seqs`` are the new sequence numbers by the old ones."""

    client: Client
    project_id: str
    old: str
    new: str
    source: CoreStream
    target: CoreStream
    seqs: dict[int, int] = field(default_factory=dict)
    users: dict[int, int] = field(default_factory=dict)

    async def run(self) -> bool:
        old_record = await open_record(self.client, self.project_id, self.old)
        try:
            new_record = await open_record(self.client, self.project_id, self.new)
            try:
                return await self._run(old_record, new_record)
            finally:
                await new_record.close()
        finally:
            await old_record.close()

    async def _run(self, old: RecordStore, new: RecordStore) -> bool:
        if "doctype" not in old.get():
            return False
        there = await _read(self.target)
        if not there.keys() <= (await _read(self.source)).keys():
            _log.info("%s has a history of its own; that of %s stays there", self.new, self.old)
            return False
        self._note_users(old.get(), new)
        copied: set[int] = set()
        while entries := self._messages_but(copied):  # some may still be coming
            await self._copy(entries, there)
            copied.update(message.seq for message in entries)
        new.update(self._fields(old.get()))
        await new.save()
        totals = await self.target.inventory()
        await list_moved(self.client, self.project_id, self.old, self.new, totals)
        await self.source.delete(seqs=sorted(copied))
        old.update(_emptied(old.get()))
        await old.save()
        return True

    def _messages_but(self, copied: set[int]) -> list[StoredMessage]:
        entries = self.source.replica.entries
        return [entry.message for entry in entries if entry.seq not in copied]

    def _note_users(self, old: CoordinationRecord, new: RecordStore) -> None:
        """Let all users take part under the new path, if somebody is there already."""
        for number, user in enumerate(old.get("users") or []):
            changes, self.users[number] = participation(new.get(), user)
            new.update(changes)

    async def _copy(self, messages: Sequence[StoredMessage], there: Mapping["_Key", int]) -> None:
        batch: list[tuple[int, NewMessage]] = []
        for message in messages:
            value = _decoded(message)
            known = there.get(_key(value)) if value is not None else None
            if known is not None:
                self.seqs[message.seq] = known
                continue
            if isinstance(value, dict) and value.get("is_snapshot"):
                await self._publish(batch)  # it names the numbers of messages before it
                batch = []
            batch.append((message.seq, self._rewritten(message, value)))
            if len(batch) == _BATCH:
                await self._publish(batch)
                batch = []
        await self._publish(batch)

    async def _publish(self, batch: Sequence[tuple[int, NewMessage]]) -> None:
        old_seqs = iter([seq for seq, _ in batch])
        async for _, receipt in self.target.publish_many([message for _, message in batch]):
            if not isinstance(receipt, Receipt):
                raise receipt
            self.seqs[next(old_seqs)] = receipt.seq

    def _rewritten(self, message: StoredMessage, value: Any) -> NewMessage:
        """Return a message for the new stream: with the numbers that hold there."""
        raw, encoding = message.raw, message.encoding
        if isinstance(value, dict):
            changes: dict[str, Any] = {}
            user = value.get("user_id")
            if isinstance(user, int) and self.users.get(user, user) != user:
                changes["user_id"] = self.users[user]
            place = value.get("seq_info")
            if isinstance(place, dict):
                changes["seq_info"] = {
                    name: self.seqs.get(seq, 0) for name, seq in place.items() if seq is not None
                }
            if changes:
                raw, encoding = encode({**value, **changes}), 0
        return NewMessage(raw=raw, encoding=encoding, headers=message.headers, key=message.key)

    def _fields(self, record: CoordinationRecord) -> dict[str, Any]:
        """Return what the record holds under the new path; users are there already."""
        last_seq = self.seqs.get(record.get("last_seq") or 0)
        left_out = {"users"} if last_seq else {"users", "last_seq", "last_snapshot"}
        fields = {name: value for name, value in record.items() if name not in left_out}
        return {
            **fields,
            **({"last_seq": last_seq} if last_seq else {}),
            "path": self.new,
            "project_id": self.project_id,
            "string_id": string_id(self.project_id, self.new),
        }


_Key = tuple[Any, bool]
"""What a message is known by: its logical time, and whether it is a snapshot."""


def _emptied(record: CoordinationRecord) -> dict[str, Any]:
    """Return what to write into the record of a document that has no patches any more."""
    nothing = {"last_seq": None, "last_snapshot": None, "init": {"size": 0, "error": ""}}
    return {name: value for name, value in nothing.items() if record.get(name) is not None}


async def _open_stream(client: Client, project_id: str, path: str) -> CoreStream:
    name = stream_name(project_id, path)
    return await open_core_stream(client, name=name, project_id=project_id)


async def _read(stream: CoreStream) -> dict[_Key, int]:
    """Return the numbers of the messages of a stream, by what they are known by."""
    entries = list(stream.replica.entries)

    def read() -> dict[_Key, int]:
        found: dict[_Key, int] = {}
        for entry in entries:
            value = _decoded(entry.message)
            if value is not None:
                found.setdefault(_key(value), entry.seq)
        return found

    return await asyncio.to_thread(read)


def _key(value: Any) -> _Key:
    return (value.get("time"), bool(value.get("is_snapshot")))


def _decoded(message: StoredMessage) -> dict[str, Any] | None:
    """Return what a message holds; None for what is no message of a document."""
    try:
        value = decode(message.raw, message.encoding)
    except ConatError:
        return None
    return value if isinstance(value, dict) else None
