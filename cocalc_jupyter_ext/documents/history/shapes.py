"""How documents of one type are shown, compared and restored (pure).

Text is text; the records of a notebook are shown as a notebook; other documents of records are
shown as their canonical text, a record on each line.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..notebook_records.blobs import BlobSource
from ..notebook_records.notebooks import NOTEBOOK_SCHEMA, notebook_from_records
from ..syncdoc.coordination import DocumentType
from ..syncdoc.values import Kind, RecordsKind, TextKind
from .cell_diff import diff_notebooks
from .diff import diff_texts

__all__ = ["Shape", "ShapeName", "shape_of"]


class ShapeName(StrEnum):
    """What callers are told about the type of a document."""

    TEXT = "text"
    NOTEBOOK = "notebook"
    RECORDS = "records"


@dataclass(frozen=True, slots=True)
class Shape:
    """One of three types of documents; ``kind`` replays its patches."""

    name: ShapeName
    doctype: DocumentType
    kind: Kind[Any]

    def show(self, value: Any, get: BlobSource) -> dict[str, Any]:
        """Return a value for callers: ``{type, notebook}`` of nbformat 4.5, or ``{type, text}``."""
        if self.name is ShapeName.NOTEBOOK:
            return {"type": self.name.value, "notebook": notebook_from_records(value, get)}
        return {"type": self.name.value, "text": self.kind.to_text(value)}

    def compare(self, old: Any, new: Any, get: BlobSource) -> dict[str, Any]:
        """Return what changed: ``{type, cells, metadata}`` of notebooks, else ``{type, hunks}``."""
        if self.name is ShapeName.NOTEBOOK:
            notebooks = (notebook_from_records(value, get) for value in (old, new))
            return {"type": self.name.value, **diff_notebooks(*notebooks).to_json()}
        hunks = diff_texts(self.kind.to_text(old), self.kind.to_text(new))
        return {"type": self.name.value, "hunks": [hunk.to_json() for hunk in hunks]}


def shape_of(doctype: DocumentType) -> Shape:
    """Return how documents of a type are treated."""
    if doctype.schema is None:
        return Shape(ShapeName.TEXT, doctype, TextKind())
    is_notebook = set(doctype.schema.primary_keys) == set(NOTEBOOK_SCHEMA.primary_keys)
    name = ShapeName.NOTEBOOK if is_notebook else ShapeName.RECORDS
    return Shape(name, doctype, RecordsKind(doctype.schema))
