"""The patches of one document, followed without taking part in it (syncdoc-jupyter §1.11, §1.19).

As participants do, it begins at the newest snapshot, which is quick however long the history is;
what is older is loaded when somebody asks for it. The graph is worked with in a thread, by one
caller at a time: replaying a long history must not stop the server.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Self, TypeVar

from ...conat.client.client import Client
from ...conat.errors import CodecError
from ...conat.persist.messages import NewMessage
from ...conat.protocol.codec import decode, encode
from ...conat.sync.akv import AKV
from ...conat.sync.core_stream import CoreStream
from ...conat.sync.dko_rows import PREFIX, field_key
from ...conat.sync.entry import Entry
from ...conat.sync.opening import open_akv, open_core_stream
from ...conat.sync.replica import Change
from ..syncdoc.coordination import DocumentType, string_id
from ..syncdoc.patch_graph import PatchGraph
from ..syncdoc.patches import Patch, PatchError, Snapshot, read_message, to_message
from .blame import Blame, Passage
from .pruning import StoredItem
from .shapes import Shape, shape_of

__all__ = ["RECORD_FIELDS", "RecordReader", "StreamHistory"]

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

RECORD_FIELDS: Final = (
    "doctype",
    "init",
    "last_active",
    "path",
    "project_id",
    "read_only",
    "save",
    "string_id",
    "users",
)
"""What callers of the hub's API are told of the record of a document (hub-project-api §1.12)."""


class RecordReader:
    """Reads fields of the coordination record of one document; writes nothing."""

    def __init__(self, rows: AKV, key: str) -> None:
        self._rows = rows
        self._key = key

    @classmethod
    async def open(cls, client: Client, project_id: str, path: str) -> Self:
        """Open the record; raises what opening a store raises."""
        key = string_id(project_id, path)
        name = f"{PREFIX}syncstrings:{key}"
        return cls(await open_akv(client, name=name, project_id=project_id), key)

    async def get(self, field: str) -> Any:
        """Return a field, None when the record does not have it."""
        return await self._rows.get(field_key(self._key, field))

    async def close(self) -> None:
        """Give up the store."""
        await self._rows.close()


class StreamHistory:
    """The history of one document; ``open`` it, ``close`` it when done.

    ``shape`` says how its values are treated.
    """

    def __init__(self, core: CoreStream, record: RecordReader, shape: Shape) -> None:
        self.shape = shape
        self.record = record
        self.core = core
        self._graph: PatchGraph[Any] = PatchGraph(shape.kind)
        self._blame = Blame(shape)
        self._users: list[str] = []
        self._lock = asyncio.Lock()
        self._has_changed = asyncio.Event()
        self._incoming: list[Entry] = []
        self._is_stale = True
        core.changes.connect(self._on_change)

    @classmethod
    async def open(cls, client: Client, project_id: str, path: str) -> Self | None:
        """Open the history of a synced path; None when nobody has ever opened that document."""
        record = await RecordReader.open(client, project_id, path)
        try:
            doctype = await record.get("doctype")
            if doctype is None:
                await record.close()
                return None
            start_seq = await record.get("last_seq")
            core = await open_core_stream(
                client,
                name=f"patches:{string_id(project_id, path)}",
                project_id=project_id,
                start_seq=start_seq if isinstance(start_seq, int) and start_seq > 1 else None,
            )
        except BaseException:
            await record.close()
            raise
        history = cls(core, record, shape_of(DocumentType.from_wire(doctype)))
        try:
            if not await history.work(lambda graph: graph.has_usable_start):
                await history.load_older()
        except BaseException:
            await history.close()
            raise
        return history

    @property
    def is_whole(self) -> bool:
        """Whether everything that the stream holds was loaded."""
        return not self.core.replica.start_seq

    async def load_older(self) -> None:
        """Load what is older than the newest snapshot; raises what loading raises."""
        if not self.is_whole:
            await self.core.load_older(0)

    async def work(self, do: Callable[[PatchGraph[Any]], Result]) -> Result:
        """Do something with the graph, in a thread; raises what it raises."""
        async with self._lock:
            entries, self._incoming = self._incoming, []
            if self._is_stale:
                self._is_stale = False
                self._graph = PatchGraph(self.shape.kind)
                entries = list(self.core.replica.entries)
            graph = self._graph

            def take_and_do() -> Result:
                graph.add(item for _entry, item in _read(entries))
                return do(graph)

            return await _in_thread(take_and_do)

    async def blame(self) -> tuple[Mapping[str, list[Passage]], dict[int, Patch]]:
        """Return the passages of the newest value, and the patches that brought them."""

        def work(graph: PatchGraph[Any]) -> tuple[Mapping[str, list[Passage]], dict[int, Patch]]:
            passages = self._blame.advance(graph)
            versions = {each.version for found in passages.values() for each in found}
            return passages, {version: graph.patch(version) for version in versions}

        return await self.work(work)

    async def users_for(self, patches: Iterable[Patch]) -> list[str]:
        """Return the document's users, who are asked for again when an author is missing."""
        if any(patch.user_id >= len(self._users) for patch in patches):
            users = await self.record.get("users")
            self._users = [str(user) for user in users] if isinstance(users, list) else []
        return self._users

    async def wait_for(self, time: int) -> None:
        """Return when the patch with this time has come from the stream."""
        while True:
            self._has_changed.clear()
            if await self.work(lambda graph: time in graph):
                return
            await self._has_changed.wait()

    async def items(self) -> list[StoredItem]:
        """Return the messages that are loaded, with what they hold."""
        entries = list(self.core.replica.entries)

        def read() -> list[StoredItem]:
            return [
                StoredItem(entry.seq, item, entry.message.time_ms, len(entry.message.raw))
                for entry, item in _read(entries)
            ]

        return await _in_thread(read)

    async def messages(self, start_seq: int, end_seq: int | None) -> list[dict[str, Any]]:
        """Return the messages between two numbers as ``{seq, time, mesg}``, as they are stored."""
        entries = [
            entry
            for entry in self.core.replica.entries
            if start_seq <= entry.seq and (end_seq is None or entry.seq <= end_seq)
        ]

        def read() -> list[dict[str, Any]]:
            stored = [entry.message for entry in entries]
            return [
                {"seq": each.seq, "time": each.time_ms, "mesg": decode(each.raw, each.encoding)}
                for each in stored
            ]

        return await _in_thread(read)

    async def publish(self, snapshot: Snapshot) -> None:
        """Store a snapshot; raises what the stream refuses."""
        await self.core.publish(NewMessage(raw=encode(to_message(snapshot))))

    async def close(self) -> None:
        """End following; calling it again does nothing."""
        await self.core.close()
        await self.record.close()

    def _on_change(self, change: Change) -> None:
        if change.entry is None:
            self._is_stale = True
        else:
            self._incoming.append(change.entry)
        self._has_changed.set()


def _read(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Patch | Snapshot]]:
    """Yield what messages hold; those that hold nothing of use are logged and passed over.

    The values are not kept in the mirror: the graph has them.
    """
    for entry in entries:
        try:
            item = read_message(decode(entry.message.raw, entry.message.encoding))
        except (PatchError, CodecError) as error:
            _log.warning("message %d of a document is passed over: %s", entry.seq, error)
            continue
        yield entry, item


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Run in a thread; who is cancelled waits for its end, so that nobody else begins before."""
    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
