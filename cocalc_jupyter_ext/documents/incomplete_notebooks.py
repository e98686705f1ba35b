"""Notebook files that lack what every notebook has (pure; syncdoc-jupyter §3.2, §7.1).

Programs write such files, and CoCalc opens them: an empty file, one without cells or metadata,
cells without a type, a source or outputs.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from nbformat.v4 import new_notebook

from .text_edits import encodable

__all__ = ["completed_notebook"]

_MAJOR: Final = 4
_MARK: Final = "\ufeff"
_OF_CODE: Final[Mapping[str, Any]] = {"execution_count": None, "outputs": []}


def completed_notebook(text: str) -> dict[str, Any] | None:
    """Return the notebook that the text of a file means, or None if it means none.

    What is there stays as it is. Files of older formats have to be complete.
    """
    text = text.removeprefix(_MARK)
    whole: dict[str, Any] = dict(new_notebook())  # type: ignore[no-untyped-call]  # untyped upstream
    if not text.strip():
        return whole
    try:
        found = json.loads(text)
        # Halves of characters can be written in JSON, and nowhere else.
        found = json.loads(encodable(json.dumps(found, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("nbformat", _MAJOR) != _MAJOR:
        return None
    cells, metadata = found.get("cells") or [], found.get("metadata") or {}
    if "worksheets" in found or not isinstance(metadata, dict) or not _are_cells(cells):
        return None
    return {**whole, "metadata": metadata, "cells": [_completed_cell(cell) for cell in cells]}


def _are_cells(cells: object) -> bool:
    return isinstance(cells, list) and all(
        isinstance(cell, dict) and cell.keys() & {"cell_type", "source"} for cell in cells
    )


def _completed_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    kind = cell.get("cell_type") or "code"
    rest = {"metadata": {}, "source": "", **(_OF_CODE if kind == "code" else {})}
    there = {name: value for name, value in cell.items() if value is not None or name not in rest}
    return {**rest, **there, "cell_type": kind}
