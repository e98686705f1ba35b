"""Small helpers on the shared types of a notebook (pure, on jupyter_ydoc's ``YNotebook``).

The rules for editing these types are in reference jupyterlab-rtc §4: every output is a Map, the
text of a stream is a Text, and outputs are only appended, cleared, or replaced as a whole.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_ydoc import YNotebook
from pycrdt import Array, Map, Text

from .live_cell_ids import derived_id
from .shareable import shareable
from .text_edits import replace_text

__all__ = ["cell_ids", "find_cell", "shared_output", "take_notebook", "with_cell_ids"]


def cell_ids(document: object) -> list[str]:
    """Return the ids of a live notebook's cells, in order; no ids of any other document."""
    return [cell.get("id") for cell in document.ycells] if isinstance(document, YNotebook) else []


def find_cell(notebook: YNotebook, cell_id: str) -> Map[Any] | None:
    """Return the shared cell with this id, or None."""
    for cell in notebook.ycells:
        if cell.get("id") == cell_id:
            return cell  # type: ignore[no-any-return]  # YNotebook is untyped
    return None


def shared_output(output: Mapping[str, Any]) -> Map[Any]:
    """Build the shared form of one nbformat output."""
    value = shareable(output)
    if value.get("output_type") == "stream":
        text = value.get("text", "")
        value["text"] = Text(text if isinstance(text, str) else "".join(text))
    return Map(value)


def with_cell_ids(content: Mapping[str, Any], salt: str) -> dict[str, Any]:
    """Return the notebook with an id in every cell, and with at least one cell.

    Missing ids are derived from ``salt`` and the position, so that loading the same file twice
    gives the same document.
    """
    cells = list(content.get("cells", [])) or [_empty_cell()]
    return {**content, "cells": [_with_id(c, salt, n) for n, c in enumerate(cells)]}


def take_notebook(notebook: YNotebook, content: Mapping[str, Any]) -> None:
    """Turn the live notebook into ``content`` by small edits; call it inside a transaction.

    Cells are matched by id. Of a cell that both have, only the differing part of the source
    and differing outputs are written; a cell that is the same stays untouched. A cell of another
    type is another shared cell: pages read the type of one but once.
    """
    places = {cell.get("id"): place for place, cell in enumerate(notebook.ycells)}
    for wanted in content["cells"]:
        place = places.get(wanted.get("id"))
        if place is None:
            continue
        cell = notebook.ycells[place]
        if cell.get("cell_type") == wanted["cell_type"]:
            _take_cell(cell, wanted)
        else:
            notebook.set_cell(place, dict(wanted))
    notebook.set(dict(content))


def _take_cell(cell: Map[Any], wanted: Mapping[str, Any]) -> None:
    source = wanted["source"]
    replace_text(cell["source"], source if isinstance(source, str) else "".join(source))
    if wanted["cell_type"] == "code" and isinstance(cell.get("outputs"), Array):
        _take_outputs(cell["outputs"], wanted.get("outputs", []))


def _take_outputs(outputs: Array[Any], wanted: Iterable[Mapping[str, Any]]) -> None:
    wanted = list(wanted)
    if outputs.to_py() != wanted:
        outputs.clear()
        outputs.extend([shared_output(output) for output in wanted])


def _empty_cell() -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"trusted": True},
        "outputs": [],
        "source": "",
    }


def _with_id(cell: Mapping[str, Any], salt: str, position: int) -> dict[str, Any]:
    return {**cell, "id": cell.get("id") or derived_id(salt, position)}
