"""Synced documents of records whose streams are lists: for actions, and for many short stories."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any

from cocalc_jupyter_ext.conat.signals import Signal
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType, new_record
from cocalc_jupyter_ext.documents.syncdoc.records import Records
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument
from cocalc_jupyter_ext.documents.syncdoc.values import RecordsKind

__all__ = ["MemorySyncDB"]

PATH = ".a.ipynb.sage-jupyter2"


class MemoryPatches:
    """A stream that everybody reads at once; without an event loop there is only one reader."""

    start_seq = None

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.changes: Signal[[Any, int]] = Signal("messages of a stream in memory")

    def get_all(self) -> list[Any]:
        return list(self.messages)

    def seqs(self) -> list[int]:
        return list(range(1, len(self.messages) + 1))

    def publish(self, message: Any) -> None:
        self.messages.append(message)
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            self.changes.emit(message, len(self.messages))

    def has_unsaved_changes(self) -> bool:
        return False

    async def save(self) -> None:
        """Everything is stored at once."""

    async def close(self) -> None:
        """There is nothing to close."""


class MemoryRecord:
    """The record by which participants agree."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.changes: Signal[[]] = Signal("changes of a record in memory")

    def get(self) -> dict[str, Any]:
        return dict(self.fields)

    def update(self, changes: Mapping[str, Any]) -> None:
        if any(self.fields.get(name) != value for name, value in changes.items()):
            self.fields.update(changes)
            self.changes.emit()

    async def save(self) -> None:
        """Everything is stored at once."""

    async def close(self) -> None:
        """There is nothing to close."""


class MemorySyncDB:
    """One notebook's stream and record; ``join`` gives each participant a document."""

    def __init__(self, *records: Mapping[str, Any]) -> None:
        self.patches, self.record = MemoryPatches(), MemoryRecord()
        self._clock = count(1_000_000)
        if records:
            first = self.join("project")
            for record in records:
                first.editable().set(record)
            first.commit()

    def join(self, who: str = "ann") -> SyncDocument[Records]:
        """Return a document of this participant; its clock goes on with each look."""
        doctype = DocumentType(NOTEBOOK_SCHEMA)
        if not self.record.fields:
            self.record.update(new_record("p", PATH, doctype, datetime.now(UTC)))
        return SyncDocument(
            RecordsKind(NOTEBOOK_SCHEMA),
            self.record,  # type: ignore[arg-type]  # has what a document needs of it
            self.patches,  # type: ignore[arg-type]  # has what a document needs of it
            participant=who,
            doctype=doctype,
            now_ms=lambda: next(self._clock),
        )
