"""Synced documents of one project with a history, in one process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.sync.opening import open_astream
from cocalc_jupyter_ext.documents.history.service import FindOpen, HistoryService
from cocalc_jupyter_ext.documents.syncdoc.coordination import (
    DocumentType,
    new_record,
    string_id,
)
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch, Snapshot, to_message
from cocalc_jupyter_ext.documents.syncdoc.stores import open_record
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB
from cocalc_jupyter_ext.documents.syncdoc.syncstring import SyncString, open_syncstring

from .persist import World, persist_world
from .synced_notebooks import PROJECT, SYNCED, join_notebook

__all__ = ["PROJECT", "SyncedProject", "open_synced_project"]


@dataclass
class SyncedProject:
    """One project: its streams, its own client, its histories."""

    world: World
    client: Client
    service: HistoryService

    async def text(self, path: str = "a.txt", who: str = "ann") -> SyncString:
        """Open a text as a participant."""
        text = await open_syncstring(
            await self.world.client(), project_id=PROJECT, path=path, participant=who
        )
        self.world.stack.push_async_callback(text.close)
        return text

    async def notebook(self, path: str = SYNCED, who: str = "ann") -> SyncDB:
        """Open a notebook by its synced path as a participant."""
        return await join_notebook(self.world, who, path=path)

    async def write(self, *texts: str, path: str = "a.txt", who: str = "ann") -> list[int]:
        """Commit texts one after the other and leave; return the versions."""
        document = await self.text(path, who)
        versions = []
        for text in texts:
            document.text = text
            await document.commit()
            versions.append(document.document.graph.newest_time)
        await document.close()
        return versions

    async def put(
        self, items: Sequence[Patch | Snapshot], path: str = "a.txt", **fields: Any
    ) -> None:
        """Put patches of a text into its stream, and fields into its record."""
        record = await open_record(self.client, PROJECT, path)
        now = datetime.now(UTC)
        record.update({**new_record(PROJECT, path, DocumentType(), now), "users": ["ann"]})
        record.update(fields)
        await record.save()
        await record.close()
        name = f"patches:{string_id(PROJECT, path)}"
        async with await open_astream(self.client, name=name, project_id=PROJECT) as stream:
            messages = [to_message(item) for item in items]
            for start in range(0, len(messages), 500):
                await stream.push(*messages[start : start + 500])


@asynccontextmanager
async def open_synced_project(
    folder: Path, find_open: FindOpen = lambda _path: None
) -> AsyncIterator[SyncedProject]:
    """Give a project without documents."""
    async with persist_world(folder) as world:
        client = await world.client()
        service = HistoryService(client, PROJECT, find_open=find_open)
        world.stack.push_async_callback(service.close)
        yield SyncedProject(world, client, service)
