"""What concerns a synced document while the project has no live document of it.

Its content may be in its patches alone, when the file was removed. And where the file cannot be
loaded, those who wait for it are told why: of a notebook in its records, as a client shows it
instead of the cells (syncdoc-jupyter §3.2), of other files where clients wait (§1.14).
"""

from datetime import UTC, datetime
from typing import Any

from ...conat.client.client import Client
from ..blobs.mirror import fetch_lost
from ..blobs.store import BlobStore
from ..notebook_records.blobs import references_in
from ..notebook_records.notebooks import notebook_from_records
from ..storage import Content
from ..syncdoc.coordination import DocumentType, new_record, participation
from ..syncdoc.opening import open_document
from ..syncdoc.stores import open_record
from ..syncdoc.sync_document import SyncDocument
from ..syncdoc.values import Kind, RecordsKind, TextKind
from .open_entries import ServedFile

__all__ = ["content_of", "tell_not_loaded", "tell_unreadable"]


async def content_of(
    client: Client, project_id: str, file: ServedFile, blobs: BlobStore
) -> Content:
    """Return the content of a file as its patches have it; that of a new file is empty.

    Outputs that are not in ``blobs`` are looked for where clients have them. Raises ConatError
    when the patches cannot be read.
    """
    document = await _opened(client, project_id, file)
    try:
        if file.is_notebook:
            wanted = [blob for record in document.value for blob in references_in(record)]
            await fetch_lost(client, project_id, file.path, blobs, wanted)
            return notebook_from_records(document.value, blobs.get)
        return document.text
    finally:
        await document.close()


async def tell_unreadable(client: Client, project_id: str, file: ServedFile, error: str) -> None:
    """Say in the records of a notebook that its file cannot be read (§3.2 step 3, §3.4).

    Its start-up goes on, so that clients show that. Raises ConatError when it cannot be said.
    """
    document = await _opened(client, project_id, file)
    try:
        document.editable().set({"type": "fatal", "error": error})
        document.commit()
        size, now = len(document.text), datetime.now(UTC)
        document.record.update(
            {"init": {"time": now, "size": size, "error": ""}, "last_active": now}
        )
        await document.save()
    finally:
        await document.close()


async def tell_not_loaded(
    client: Client, project_id: str, synced_path: str, doctype: DocumentType, error: str
) -> None:
    """Say in the record of a document that it could not be loaded (§1.14).

    Raises ConatError when that cannot be said.
    """
    now = datetime.now(UTC)
    record = await open_record(
        client, project_id, synced_path, ephemeral=doctype.is_ephemeral, is_file_server=True
    )
    try:
        if not record.get().get("users"):
            record.update(new_record(project_id, synced_path, doctype, now))
            record.update(participation(record.get(), project_id)[0])
        record.update({"init": {"time": now, "size": 0, "error": error}, "last_active": now})
        await record.save()
    finally:
        await record.close()


async def _opened(client: Client, project_id: str, file: ServedFile) -> SyncDocument[Any]:
    doctype = file.doctype
    kind: Kind[Any] = TextKind() if doctype.schema is None else RecordsKind(doctype.schema)
    return await open_document(
        client,
        kind,
        doctype,
        project_id=project_id,
        path=file.synced_path,
        participant=project_id,
        is_file_server=True,
    )
