"""The histories of the documents of one project (syncdoc-jupyter §1.19; rules: SPEC H)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from ...conat.client.client import Client
from ...conat.errors import ConatError, RequestTimeout
from ...conat.sync.opening import open_inventory
from ..notebook_records.blobs import BlobSource
from ..syncdoc.coordination import synced_path_of_notebook
from ..syncdoc.opening import open_document
from ..syncdoc.patch_graph import HistoryMissing, PatchGraph, UnknownVersion
from ..syncdoc.patches import Patch
from ..syncdoc.sync_document import SyncDocument
from .blame import Passage
from .errors import NoHistory, NoSuchVersion
from .leases import Leases
from .listing import stream_name
from .restore import restored
from .shapes import Shape
from .stream_history import RECORD_FIELDS, StreamHistory
from .versions import VersionEntry, VersionPage, page_of_versions, version_entry

__all__ = ["FindOpen", "HistoryService", "synced_path"]

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

FindOpen = Callable[[str], SyncDocument[Any] | None]
"""Returns the document of a synced path if it is open in this process."""

RESTORE_TIMEOUT_S: Final = 30.0
TAKE_IN_TIMEOUT_S: Final = 5.0
"""How long a list waits for what was typed just now; then it shows what is stored."""


def synced_path(path: str) -> str:
    """Return the path under which a file is synced: of a notebook, a hidden one (§3.1)."""
    return synced_path_of_notebook(path) if path.endswith(".ipynb") else path


def _nothing_kept(blob: str) -> None:
    """Find nothing: what is kept outside of a document is shown by its id."""
    del blob


class HistoryService:
    """Lists, shows, compares and restores versions; ``path`` is that of the file.

    Histories are read without taking part in documents, and stay loaded for a minute.
    ``client`` is the project's own, which may commit in the names of others. All methods raise
    NoHistory, and what reading a stream raises; those that take a version, NoSuchVersion.
    """

    def __init__(
        self,
        client: Client,
        project_id: str,
        *,
        find_open: FindOpen = lambda _path: None,
        get_blob: BlobSource = _nothing_kept,
    ) -> None:
        self.client = client
        self.project_id = project_id
        self._find_open = find_open
        self._get_blob = get_blob
        self._histories: Leases[str, StreamHistory] = Leases(self._open)

    async def versions(
        self, path: str, *, before: int | None = None, limit: int
    ) -> tuple[Shape, VersionPage]:
        """Return the newest versions, or the newest of those before a time."""

        async def read(history: StreamHistory) -> tuple[Shape, VersionPage]:
            def page(graph: PatchGraph[Any]) -> tuple[VersionPage, list[Patch]]:
                found = page_of_versions(graph, (), before=before, limit=limit)
                return found, [graph.patch(version.time) for version in found.versions]

            found, patches = await history.work(page)
            if not found.has_more and not history.is_whole:
                await history.load_older()
                found, patches = await history.work(page)
            users = await history.users_for(patches)
            entries = tuple(version_entry(patch, users) for patch in patches)
            return history.shape, VersionPage(entries, found.has_more)

        return await self._read_newest(path, read)

    async def at(self, path: str, version: int) -> dict[str, Any]:
        """Return a version as ``{type, text}`` or ``{type, notebook}``, with its entry."""

        async def read(history: StreamHistory) -> dict[str, Any]:
            def show(graph: PatchGraph[Any]) -> tuple[Patch, dict[str, Any]]:
                value = graph.value_at(version)
                return graph.patch(version), history.shape.show(value, self._get_blob)

            patch, content = await self._at(history, path, version, show)
            users = await history.users_for([patch])
            return {**version_entry(patch, users).to_json(), **content}

        return await self._read(path, read)

    async def diff(self, path: str, old: int, new: int) -> dict[str, Any]:
        """Return what changed from one version to another."""

        async def read(history: StreamHistory) -> dict[str, Any]:
            shape = history.shape
            # The first value is copied: both replays may work on one object.
            before = await self._at(
                history, path, old, lambda graph: shape.kind.edit(graph.value_at(old))
            )
            return await self._at(
                history,
                path,
                new,
                lambda graph: shape.compare(before, graph.value_at(new), self._get_blob),
            )

        return await self._read(path, read)

    async def blame(
        self, path: str
    ) -> tuple[Shape, Mapping[str, list[Passage]], dict[int, VersionEntry]]:
        """Return who wrote which lines of the newest version, and when.

        By the id of a cell, or by ``""`` when the document is one text; and the entries of all
        versions that are named.
        """

        async def read(
            history: StreamHistory,
        ) -> tuple[Shape, Mapping[str, list[Passage]], dict[int, VersionEntry]]:
            await history.load_older()
            passages, patches = await history.blame()
            users = await history.users_for(patches.values())
            entries = {time: version_entry(patch, users) for time, patch in patches.items()}
            return history.shape, passages, entries

        return await self._read_newest(path, read)

    async def restore(
        self,
        path: str,
        version: int,
        *,
        cells: Collection[str] | None = None,
        author: str | None = None,
    ) -> VersionEntry | None:
        """Make a new version that is like an older one, or has some of its cells.

        Returns None when the document is so already. What people do meanwhile stays in the
        history, before the new version or merged into it. Raises NoCells, NoSuchCells, and
        RequestTimeout when it could not be stored in time.
        """

        async def change(history: StreamHistory) -> VersionEntry | None:
            shape = history.shape
            then = await self._at(
                history, path, version, lambda graph: shape.kind.edit(graph.value_at(version))
            )
            patch = await self._commit(
                synced_path(path),
                shape,
                lambda now: restored(shape, now, then, cells),
                author,
            )
            if patch is None:
                return None
            await history.wait_for(patch.time)
            return version_entry(patch, await history.users_for([patch]))

        try:
            async with asyncio.timeout(RESTORE_TIMEOUT_S):
                return await self._read(path, change)
        except TimeoutError as error:
            raise RequestTimeout(
                "restoring is not finished yet; look at the newest version before trying again"
            ) from error

    async def raw(
        self, path: str, *, start_seq: int = 0, end_seq: int | None = None
    ) -> dict[str, Any]:
        """Return the messages of the patches stream and the record (hub-project-api §1.12).

        ``{patches: [{seq, time, mesg}], info}``; both are empty for a file without a history.
        Both ends are inclusive.
        """

        async def read(history: StreamHistory) -> dict[str, Any]:
            await history.load_older()
            patches = await history.messages(start_seq, end_seq)
            fields = {field: await history.record.get(field) for field in RECORD_FIELDS}
            info = {name: value for name, value in fields.items() if value is not None}
            return {"patches": patches, "info": info}

        try:
            return await self._read(path, read)
        except NoHistory:
            return {"patches": [], "info": {}}

    async def is_listed(self, path: str) -> bool:
        """Return whether the project's inventory lists the history of a file.

        It costs nothing to ask for what does not exist, other than reading a history.
        """
        name = stream_name(self.project_id, synced_path(path))
        async with await open_inventory(self.client, project_id=self.project_id) as stores:
            return stores.get(name, "stream") is not None

    async def use(self, path: str, do: Callable[[StreamHistory], Awaitable[Result]]) -> Result:
        """Do something with the history of a synced path; raises NoHistory."""
        async with self._histories.use(path) as history:
            if history is None:
                raise NoHistory(path)
            return await do(history)

    async def close(self) -> None:
        """Give up all histories; calling it again does nothing."""
        await self._histories.close()

    async def _open(self, path: str) -> StreamHistory | None:
        return await StreamHistory.open(self.client, self.project_id, path)

    async def _read(self, path: str, do: Callable[[StreamHistory], Awaitable[Result]]) -> Result:
        async with self._histories.use(synced_path(path)) as history:
            if history is None:
                raise NoHistory(path)
            return await do(history)

    async def _read_newest(
        self, path: str, do: Callable[[StreamHistory], Awaitable[Result]]
    ) -> Result:
        """Do something with a history to which what people have typed until now belongs."""

        async def read(history: StreamHistory) -> Result:
            try:
                async with asyncio.timeout(TAKE_IN_TIMEOUT_S):
                    if (typed := await self._commit_typed(synced_path(path))) is not None:
                        await history.wait_for(typed)
            except (TimeoutError, ConatError) as error:
                _log.warning("%s: what was typed last is not listed yet: %s", path, error)
            return await do(history)

        return await self._read(path, read)

    async def _commit_typed(self, path: str) -> int | None:
        """Store what was typed in an open document; return the time of its newest version."""
        document = self._find_open(path)
        if document is None or document.is_closed:
            return None
        document.before_change.emit()
        document.commit()
        await document.save()
        return document.graph.newest_time or None

    async def _at(
        self,
        history: StreamHistory,
        path: str,
        version: int,
        do: Callable[[PatchGraph[Any]], Result],
    ) -> Result:
        """Do something with a version; load older ones if it may be among them."""
        try:
            try:
                return await history.work(do)
            except (UnknownVersion, HistoryMissing):
                await history.load_older()
                return await history.work(do)
        except (UnknownVersion, HistoryMissing):
            raise NoSuchVersion(path, version) from None

    async def _commit(
        self,
        path: str,
        shape: Shape,
        change: Callable[[Any], Any],
        author: str | None,
    ) -> Patch | None:
        """Change the document in one commit, where it is open, or by opening it for a moment."""
        document = self._find_open(path)
        if document is not None and not document.is_closed:
            patch = _commit_change(document, change, author)
            await document.save()
            return patch
        document = await open_document(
            self.client,
            shape.kind,
            shape.doctype,
            project_id=self.project_id,
            path=path,
            participant=self.project_id,
            is_file_server=True,
        )
        try:
            patch = _commit_change(document, change, author)
            await document.save()
        finally:
            await document.close()
        return patch


def _commit_change(
    document: SyncDocument[Any], change: Callable[[Any], Any], author: str | None
) -> Patch | None:
    """Commit what people have typed, then the change; tell whoever shows the document."""
    document.before_change.emit()
    document.commit()
    before = document.value
    document.replace(document.kind.edit(change(before)))
    patch = document.commit(author)
    if patch is not None:
        document.changes.emit(before)
    return patch
