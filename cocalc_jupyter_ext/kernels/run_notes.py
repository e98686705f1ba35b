"""Who ran which cell and when, in the state that all pages of a notebook share (pycrdt).

The caller opens the transaction. One entry of the state for each cell, ``run:<cell id>``, holds
``{by, start, end?}``, with times in milliseconds; entries of cells that are gone are removed.
"""

from collections.abc import Mapping
from typing import Any, Final

from jupyter_ydoc import YNotebook

__all__ = ["PREFIX", "note_end", "note_start"]

PREFIX: Final = "run:"


def note_start(notebook: YNotebook, cell_id: str, by: str, now_ms: int) -> None:
    """Note that a cell runs because of somebody; the name may be empty."""
    _remove_gone(notebook)
    notebook.ystate[PREFIX + cell_id] = {"by": by, "start": float(now_ms)}


def note_end(notebook: YNotebook, cell_id: str, now_ms: int) -> None:
    """Note that the run of a cell is over, if it has begun."""
    note = notebook.ystate.get(PREFIX + cell_id)
    if isinstance(note, Mapping) and "end" not in note:
        notebook.ystate[PREFIX + cell_id] = {**note, "end": float(now_ms)}


def _remove_gone(notebook: YNotebook) -> None:
    state: Any = notebook.ystate
    noted = [key for key in state.keys() if key.startswith(PREFIX)]  # noqa: SIM118 - no dict
    if len(noted) > 2 * len(notebook.ycells):
        there = {cell.get("id") for cell in notebook.ycells}
        for key in noted:
            if key.removeprefix(PREFIX) not in there:
                del state[key]
