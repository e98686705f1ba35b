"""The document class of notebooks: small in the shared types, complete as content.

Whoever sets the content of such a notebook, or a cell of it, moves large outputs into the store;
whoever reads the content gets them back in place. So files, merges and other extensions deal in
plain notebooks, and only the shared types hold placeholders (design D7, D19).
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from jupyter_ydoc import YNotebook
from pycrdt import Array, Map

from ..shareable import shareable
from . import placeholders
from .cells import large_cells, references, small_cells
from .store import BlobStore

__all__ = [
    "BlobNotebook",
    "keep_all",
    "keeper_of",
    "lost_blobs",
    "notebook_class",
    "references_of",
    "with_blobs",
    "without_blobs",
]


MAX_KEPT_BYTES: Final = 100_000_000
"""What the outputs of a notebook may have together: as a file it can still be opened."""


class BlobNotebook(YNotebook):
    """A ``YNotebook`` whose large outputs are in ``blobs``; see ``notebook_class``."""

    blobs: ClassVar[BlobStore]

    def get(self, deduplicate: bool = True) -> dict[str, Any]:
        """Return the content, complete; what is gone from the store stays a placeholder."""
        return with_blobs(self, super().get(deduplicate))

    async def aget(self, deduplicate: bool = True) -> dict[str, Any]:
        """Return the content, complete, without keeping the event loop for long."""
        return with_blobs(self, await super().aget(deduplicate))

    def get_cell(self, index: int) -> dict[str, Any]:
        """Return a cell, complete."""
        return large_cells([super().get_cell(index)], self.blobs.get)[0]

    def set(self, value: Mapping[str, Any]) -> None:
        """Set the content; large outputs go into the store."""
        super().set(without_blobs(self, value))

    async def aset(self, value: Mapping[str, Any]) -> None:
        """Set the content without keeping the event loop for long."""
        await super().aset(without_blobs(self, value))

    async def aset_progressively(
        self, value: Mapping[str, Any], *args: Any, **options: Any
    ) -> None:
        """Set the content in several transactions."""
        await super().aset_progressively(without_blobs(self, value), *args, **options)

    def create_ycell(self, value: Mapping[str, Any]) -> Map[Any]:
        """Return a new shared cell; its large outputs go into the store."""
        (cell,) = small_cells([value], self.blobs.put)
        shared: Map[Any] = super().create_ycell(shareable(cell))
        return shared


def notebook_class(blobs: BlobStore) -> type[BlobNotebook]:
    """Return the document class of notebooks whose large outputs are in this store."""
    return type("StoredNotebook", (BlobNotebook,), {"blobs": blobs})


def keeper_of(
    document: object, max_bytes: int = MAX_KEPT_BYTES
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return what moves large values of new outputs out of their bundles, for one document.

    Where there is no store they stay, and also when the document shows ``max_bytes`` of them.
    """
    return _Keeper(document, max_bytes) if isinstance(document, BlobNotebook) else dict


class _Keeper:
    """Counts what a document shows, again only when much was added."""

    def __init__(self, document: BlobNotebook, max_bytes: int) -> None:
        self._document = document
        self._max_bytes = max_bytes
        self._shown = 0
        self._added = self._step = max_bytes // 10

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return placeholders.extract(data, self._put)

    def _put(self, content: bytes) -> str | None:
        if self._added + len(content) > self._step:
            blobs = self._document.blobs
            self._shown = sum(blobs.size(blob) or 0 for blob in references_of(self._document))
            self._added = 0
        if self._shown + self._added + len(content) > self._max_bytes:
            return None
        self._added += len(content)
        return self._document.blobs.put(content)


def references_of(document: object) -> set[str]:
    """Return the ids of all outputs of a live document that are in its store."""
    if not isinstance(document, BlobNotebook):
        return set()
    return references({"outputs": _outputs(cell)} for cell in document.ycells)


def lost_blobs(document: object) -> set[str]:
    """Return the ids of outputs that are not in the store any more."""
    if not isinstance(document, BlobNotebook):
        return set()
    return {blob for blob in references_of(document) if document.blobs.size(blob) is None}


def keep_all(document: object, content: object) -> None:
    """Put all outputs of a plain notebook into the store of a document, also small ones."""
    if isinstance(document, BlobNotebook) and isinstance(content, Mapping):
        cells = content.get("cells") or []
        small_cells(cells, document.blobs.put)  # as they were when the document was made of them
        small_cells(cells, document.blobs.put, inline_bytes=0)


def with_blobs(document: object, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the shared types of a notebook hold as its complete content."""
    if not isinstance(document, BlobNotebook):
        return dict(content)
    return {**content, "cells": large_cells(content["cells"], document.blobs.get)}


def without_blobs(document: object, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a notebook as the shared types of a document hold it."""
    cells = content.get("cells")
    if not isinstance(cells, list) or not isinstance(document, BlobNotebook):
        return dict(content)
    return dict(shareable({**content, "cells": small_cells(cells, document.blobs.put)}))


def _outputs(cell: Map[Any]) -> list[Any]:
    outputs = cell.get("outputs")
    return outputs.to_py() or [] if isinstance(outputs, Array) else []
