"""Which documents have two faces, and of which kind the second one is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from jupyter_ydoc import YNotebook
from jupyter_ydoc.yunicode import YUnicode

from ..blobs.notebook import BlobNotebook
from ..blobs.placeholders import INLINE_BYTES
from ..blobs.store import BlobStore
from ..notebook_records.blobs import BlobSink, BlobSource, Elsewhere, Outside
from ..notebook_records.notebooks import NOTEBOOK_SCHEMA
from ..notebook_records.repairs import ensure_cell, renumber_if_needed
from ..syncdoc.coordination import DocumentType, synced_path_of_notebook
from ..syncdoc.records import Records, RecordSchema
from ..syncdoc.values import Kind, RecordsKind, TextKind
from .face import Face
from .notebook_face import NotebookFace, new_cell_id
from .record_lines_face import RecordLinesFace
from .text_face import TextFace

__all__ = ["TwoFaces", "records_faces", "two_faces"]


@dataclass(frozen=True, slots=True)
class TwoFaces:
    """How a document is bridged; ``path`` is that of the synced document."""

    path: str
    kind: Kind[Any]
    doctype: DocumentType
    face: Face[Any]
    repair: Callable[[Any], None] | None = None
    """What the project edits so that the value is as everybody expects it."""
    blobs: BlobStore | None = None
    """Where outputs are kept that are not in the document."""


def two_faces(ydoc: Any, path: str) -> TwoFaces | None:
    """Return how a document is bridged, or None where there is no second face for its type."""
    if isinstance(ydoc, YNotebook) and path.endswith(".ipynb"):
        put, get = _blobs_of(ydoc)
        face = NotebookFace(ydoc, put=put, get=get)
        kind = RecordsKind(NOTEBOOK_SCHEMA)
        doctype = DocumentType(NOTEBOOK_SCHEMA)
        synced_path = synced_path_of_notebook(path)
        blobs = ydoc.blobs if isinstance(ydoc, BlobNotebook) else None
        return TwoFaces(synced_path, kind, doctype, face, repair_notebook, blobs)
    if isinstance(ydoc, YUnicode):
        return TwoFaces(path, TextKind(), DocumentType(), TextFace(ydoc.ydoc["source"]))
    return None


def records_faces(ydoc: Any, path: str, schema: RecordSchema) -> TwoFaces:
    """Return how a text is bridged whose lines are records."""
    face = RecordLinesFace(ydoc.ydoc["source"], schema)
    return TwoFaces(path, RecordsKind(schema), DocumentType(schema), face)


def repair_notebook(records: Records) -> None:
    """Ensure that there is a cell, and that each has a position of its own (§3.2)."""
    ensure_cell(records, new_cell_id)
    renumber_if_needed(records)


def _blobs_of(ydoc: YNotebook) -> tuple[BlobSink, BlobSource]:
    """Return where the face of a notebook keeps and finds what records have outside (§4.7)."""
    if not isinstance(ydoc, BlobNotebook):
        return _keep_inline, _nothing_kept
    blobs = ydoc.blobs

    def get(blob: str) -> bytes | Elsewhere | None:
        """Put small things into the shared types; bytes of large ones are not even read."""
        size = blobs.size(blob)
        if size is None or size > INLINE_BYTES:
            return Elsewhere(size, partial(blobs.get, blob))
        return blobs.get(blob)

    return Outside(blobs.put, blobs.get), get


def _keep_inline(content: bytes) -> None:
    """Keep a picture in the document: where nothing is kept outside, that is allowed (§4.7)."""


def _nothing_kept(blob: str) -> None:
    """Find nothing: what others keep outside is shown by its id."""
