"""Three versions of a file's content become one: a notebook by cells, a text by words (pure)."""

from collections.abc import Mapping, Sequence
from typing import Any

from .merge_notebooks import merge_notebooks, with_ids_of, with_known_ids
from .merge_values import Merged, merge_texts
from .notebook_cells import with_cell_ids
from .storage import Content

__all__ = ["merge_contents"]


def merge_contents(
    base: Content, theirs: Content, ours: Content, *, cell_ids: Sequence[str], salt: str
) -> Merged[Content] | None:
    """Return the merged content, or None where the kind of content cannot be merged.

    ``cell_ids`` are the ids that our cells have in the live document, of a notebook whose format
    does not store any; new cells without ids get such as ``salt`` gives. A program that gives all
    cells other ids has not made other cells (syncdoc-jupyter §7.1).
    """
    if all(isinstance(content, str) for content in (base, theirs, ours)):
        return merge_texts(base, theirs, ours)
    if not all(_is_notebook(content) for content in (base, theirs, ours)):
        return None
    if len(ours["cells"]) != len(cell_ids):  # cells with one id, of which a file holds one
        return None
    ours = _with_live_ids(ours, cell_ids)
    base = with_cell_ids(with_ids_of(ours, base), f"{salt} base")
    theirs = with_cell_ids(with_known_ids(base, theirs), f"{salt} theirs")
    merged = merge_notebooks(base, theirs, ours)
    return Merged(merged.value, merged.is_clean)


def _is_notebook(content: Content) -> bool:
    return isinstance(content, Mapping) and isinstance(content.get("cells"), list)


def _with_live_ids(notebook: Mapping[str, Any], cell_ids: Sequence[str]) -> dict[str, Any]:
    pairs = zip(notebook["cells"], cell_ids, strict=True)
    return {**notebook, "cells": [{**cell, "id": cell_id} for cell, cell_id in pairs]}
