"""How one takes part in a synced document (syncdoc-jupyter §1.4, §1.14).

Where the project's own process runs, it loads the file into the document and says so in the
record; whoever opens the document first waits for that, so that nobody types into a document
that only seems to be empty. Where no such process runs there is nothing to wait for.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar

from ...conat.client.client import Client
from ...conat.client.session import user_from_info
from ...conat.errors import ConatError, RequestTimeout
from ...conat.protocol.subjects import project_subject
from ...conat.sync.dstream import DStream
from ...conat.types import ProjectId
from .coordination import DocumentType, new_record, participation
from .stores import RecordStore, open_patches, open_record
from .sync_document import Release, SyncDocument
from .values import Kind

__all__ = ["FileNotLoaded", "Opening", "name_of", "open_document"]

Value = TypeVar("Value")
Face = TypeVar("Face", bound="Closable")

READY_TIMEOUT_S: Final = 60.0


class Closable(Protocol):
    """What can be left."""

    async def close(self) -> None:
        """Leave it."""
        ...


class Opening(Generic[Face]):
    """A document that is to be opened: await it, or use it in ``async with``."""

    def __init__(self, open_it: Callable[[], Coroutine[Any, Any, Face]]) -> None:
        self._open_it = open_it
        self._opened: Face | None = None

    def __await__(self) -> Generator[Any, Any, Face]:
        return self._open_it().__await__()

    async def __aenter__(self) -> Face:
        self._opened = await self
        return self._opened

    async def __aexit__(self, *_exc: object) -> None:
        if self._opened is not None:
            await self._opened.close()


async def name_of(client: Client) -> str:
    """Return the id of the client's user, or of the client where nobody asks who it is."""
    user = user_from_info(await client.wait_until_signed_in())
    return client.id if user is None else user.id


class FileNotLoaded(ConatError):  # noqa: N818 - a state, like Disconnected
    """The project could not load the file of the document; the text says why."""


async def open_document(
    client: Client,
    kind: Kind[Value],
    doctype: DocumentType,
    *,
    project_id: str,
    path: str,
    participant: str,
    is_file_server: bool = False,
    release: Release | None = None,
    timeout_s: float = READY_TIMEOUT_S,
) -> SyncDocument[Value]:
    """Open a document and return it loaded; close it when done.

    ``is_file_server`` is for the project's process: it waits for nobody, and it gives back what
    the replay of simultaneous patches has lost; ``release`` says when its commits may be
    published. Raises FileNotLoaded,
    RequestTimeout when the project does not answer in time, and what opening stores raises.
    """
    ephemeral = doctype.is_ephemeral
    record = await open_record(
        client, project_id, path, ephemeral=ephemeral, is_file_server=is_file_server
    )
    try:
        _join(record, project_id, path, participant, doctype)
        start_seq = record.get().get("last_seq")
        patches = await open_patches(
            client,
            project_id,
            path,
            start_seq=start_seq if isinstance(start_seq, int) else None,
            ephemeral=ephemeral,
        )
    except BaseException:
        await record.close()
        raise
    try:
        if not is_file_server and await _has_file_server(client, project_id):
            await _wait_for_file(record, patches, timeout_s)
        document = SyncDocument(
            kind,
            record,
            patches,
            participant=participant,
            doctype=doctype,
            mends=is_file_server,
            release=release,
        )
    except BaseException:
        await patches.close()
        await record.close()
        raise
    return await _with_history(document)


def _join(
    record: RecordStore, project_id: str, path: str, participant: str, doctype: DocumentType
) -> None:
    if not record.get().get("users") or "doctype" not in record.get():
        record.update(new_record(project_id, path, doctype, datetime.now(UTC)))
    changes, _user_id = participation(record.get(), participant)
    record.update(changes)


async def _has_file_server(client: Client, project_id: str) -> bool:
    """Return whether the project's process runs: it then serves the project's API."""
    subject = project_subject(ProjectId(project_id), "api", compute_server_id=0)
    return await client.wait_for_interest(subject, 0)


async def _wait_for_file(record: RecordStore, patches: DStream, timeout_s: float) -> None:
    """Wait until the file was loaded, or somebody has written (§1.14)."""

    def is_ready() -> bool:
        init = record.get().get("init")
        if len(patches):
            return True
        if not isinstance(init, dict):
            return False
        if init.get("error"):
            raise FileNotLoaded(f"the project cannot load the file: {init['error']}")
        return not init.get("size")

    try:
        async with asyncio.timeout(timeout_s):
            await _until(is_ready, record, patches)
    except TimeoutError as error:
        raise RequestTimeout(
            f"the project has not loaded the file within {timeout_s:g} s; is it overloaded?"
        ) from error


async def _until(condition: Callable[[], bool], record: RecordStore, patches: DStream) -> None:
    changed = asyncio.Event()

    def note(*_what: Any) -> None:
        changed.set()

    disconnects = [record.changes.connect(note), patches.changes.connect(note)]
    try:
        while not condition():
            changed.clear()
            await changed.wait()
    finally:
        for disconnect in disconnects:
            disconnect()


async def _with_history(document: SyncDocument[Value]) -> SyncDocument[Value]:
    """Load what a snapshot was expected to spare, where the snapshot is not there (§1.11)."""
    try:
        if not document.has_usable_start:
            await document.load_history()
    except BaseException:
        await document.close()
        raise
    return document
