"""Which documents have two faces, and of which kind the second one is."""

from dataclasses import dataclass
from typing import Any

from jupyter_ydoc import YNotebook
from jupyter_ydoc.yunicode import YUnicode

from ..notebook_records.notebooks import NOTEBOOK_SCHEMA
from ..syncdoc.coordination import DocumentType, synced_path_of_notebook
from ..syncdoc.values import Kind, RecordsKind, TextKind
from .face import Face
from .notebook_face import NotebookFace
from .text_face import TextFace

__all__ = ["TwoFaces", "two_faces"]


@dataclass(frozen=True, slots=True)
class TwoFaces:
    """How a document is bridged; ``path`` is that of the synced document."""

    path: str
    kind: Kind[Any]
    doctype: DocumentType
    face: Face[Any]


def two_faces(ydoc: Any, path: str) -> TwoFaces | None:
    """Return how a document is bridged, or None where there is no second face for its type."""
    if isinstance(ydoc, YNotebook) and path.endswith(".ipynb"):
        face = NotebookFace(ydoc, put=_keep_inline, get=_nothing_kept)
        kind = RecordsKind(NOTEBOOK_SCHEMA)
        return TwoFaces(synced_path_of_notebook(path), kind, DocumentType(NOTEBOOK_SCHEMA), face)
    if isinstance(ydoc, YUnicode):
        return TwoFaces(path, TextKind(), DocumentType(), TextFace(ydoc.ydoc["source"]))
    return None


def _keep_inline(content: bytes) -> None:
    """Keep a picture in the document: where nothing is kept outside, that is allowed (§4.7)."""


def _nothing_kept(blob: str) -> None:
    """Find nothing: what others keep outside is shown by its id."""
