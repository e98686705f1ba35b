"""What a page put into a notebook's shared types that is not a notebook, and the way back (pure).

An update of Yjs always applies; it may hold a text where a cell belongs, or a cell whose source is
no shared text. Nobody could save, run or share such a notebook any more. Parts are mended where
they are, so that who sets a cell part by part can go on.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from jupyter_ydoc import YNotebook
from pycrdt import Array, Map, Text

from .notebook_cells import shared_output

__all__ = ["is_misshapen", "mend_notebook"]

_CODE: Final = "code"
_FORMAT: Final = {"nbformat": 4, "nbformat_minor": 5}
_OUTPUTS: Final = "outputs"
_PARTS: Final = {"cell_type", "source", "metadata", _OUTPUTS}
_STREAM: Final = "stream"
_PARTS_OF_OUTPUT: Final = {"output_type", "text", "data", "metadata"}
_WITHOUT_DATA: Final = {_STREAM, "error"}


def is_misshapen(notebook: YNotebook, topic: str, events: Iterable[Any]) -> bool:
    """Return whether what was observed may have left the notebook out of shape, at little cost."""
    if topic == "meta":
        return any(not event.path for event in events)  # what came is looked at when it is mended
    return topic == "cells" and any(_has_odd_cell(notebook, event) for event in events)


def mend_notebook(notebook: YNotebook, *, with_outputs: bool = True) -> bool:
    """Bring the whole notebook into shape and tell whether it was not; call in a transaction.

    Looking at all outputs takes a while where there are many.
    """
    is_cell = _is_cell if with_outputs else _is_cell_but_for_outputs
    cells, is_mended = notebook.ycells, not _is_meta(notebook)
    for index in reversed(range(len(cells))):
        if not isinstance(cells[index], Map):
            is_mended = True
            _mend_entry(notebook, index)
        elif not is_cell(cells[index]):
            is_mended = True
            _mend_cell(cells[index])
    _mend_meta(notebook)
    return is_mended


def _has_odd_cell(notebook: YNotebook, event: Any) -> bool:
    if not event.path:
        return any(
            not _is_cell(cell) for change in event.delta for cell in change.get("insert", ())
        )
    if len(event.path) > 1:  # something within a part: what comes with each key
        return event.path[1] == _OUTPUTS and _has_odd_output(notebook, event)
    return not _PARTS.isdisjoint(event.keys) and not _is_cell(notebook.ycells[event.path[0]])


def _has_odd_output(notebook: YNotebook, event: Any) -> bool:
    if len(event.path) == 2:
        return any(
            not _is_output(output) for change in event.delta for output in change.get("insert", ())
        )
    if len(event.path) > 3 or _PARTS_OF_OUTPUT.isdisjoint(event.keys):
        return False
    return not _is_output(notebook.ycells[event.path[0]][_OUTPUTS][event.path[2]])


def _is_cell(cell: Any) -> bool:
    return _is_cell_but_for_outputs(cell) and (
        cell["cell_type"] != _CODE or all(map(_is_output, cell[_OUTPUTS]))
    )


def _is_cell_but_for_outputs(cell: Any) -> bool:
    return (
        isinstance(cell, Map)
        and isinstance(cell.get("cell_type"), str)
        and isinstance(cell.get("source"), Text)
        and isinstance(cell.get("metadata"), Map)
        and (cell["cell_type"] != _CODE or isinstance(cell.get(_OUTPUTS), Array))
    )


def _is_output(output: Any) -> bool:
    """Return whether this is an output that can be written to a file.

    A plain one is left as it is: a client that writes plain ones replaces all of them with each
    further one, and would double what is put in their places.
    """
    if not isinstance(output, Map | Mapping) or not isinstance(
        kind := output.get("output_type"), str
    ):
        return False
    if kind == _STREAM:
        return isinstance(output.get("text"), Text | str)
    return kind in _WITHOUT_DATA or all(
        isinstance(output.get(name, {}), Map | Mapping) for name in ("data", "metadata")
    )


def _mend_entry(notebook: YNotebook, index: int) -> None:
    """Make a shared cell of a plain one, and remove what is no cell at all."""
    entry = notebook.ycells[index]
    del notebook.ycells[index]
    if isinstance(entry, Mapping) and "cell_type" in entry:
        notebook.ycells.insert(index, Map(dict(entry)))
        _mend_cell(notebook.ycells[index])


def _mend_cell(cell: Map[Any]) -> None:
    if not isinstance(cell.get("cell_type"), str):
        cell["cell_type"] = "raw"
    if not isinstance(source := cell.get("source"), Text):
        cell["source"] = Text(_text(source))
    if not isinstance(metadata := cell.get("metadata"), Map):
        cell["metadata"] = Map(dict(metadata) if isinstance(metadata, Mapping) else {})
    if cell["cell_type"] != _CODE:
        return
    if isinstance(outputs := cell.get(_OUTPUTS), Array):
        _mend_outputs(outputs)
    else:
        plain = outputs if isinstance(outputs, list) else []
        cell[_OUTPUTS] = Array([shared for each in plain for shared in _shared_outputs(each)])


def _mend_outputs(outputs: Array[Any]) -> None:
    """Complete what can be an output, and remove what cannot."""
    for index in reversed(range(len(outputs))):
        output = outputs[index]
        if _is_output(output):
            continue
        plain = output.to_py() if isinstance(output, Map) else output
        del outputs[index]
        for shared in _shared_outputs(plain):
            outputs.insert(index, shared)


def _shared_outputs(plain: Any) -> list[Map[Any]]:
    """Return the shared output that a plain value stands for; none for what is no output at all."""
    if isinstance(plain, Mapping) and "output_type" in plain:
        return [shared_output(_completed(plain))]
    return []


def _completed(output: Mapping[str, Any]) -> dict[str, Any]:
    kind = output["output_type"]
    if kind == _STREAM:
        return {"name": "stdout", **output, "text": _text(output.get("text"))}
    if kind in _WITHOUT_DATA:
        return dict(output)
    kind = kind if isinstance(kind, str) else "display_data"
    parts = {name: output.get(name) for name in ("data", "metadata")}
    maps = {name: part if isinstance(part, Mapping) else {} for name, part in parts.items()}
    return {**output, "output_type": kind, **maps}


def _text(source: Any) -> str:
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str))


def _is_meta(notebook: YNotebook) -> bool:
    meta = _meta(notebook)
    is_known = all(isinstance(meta.get(name), int | float) for name in _FORMAT)
    return is_known and isinstance(meta.get("metadata"), Map)


def _mend_meta(notebook: YNotebook) -> None:
    meta = _meta(notebook)
    for name, number in _FORMAT.items():
        if not isinstance(meta.get(name), int | float):
            meta[name] = number
    if not isinstance(metadata := meta.get("metadata"), Map):
        meta["metadata"] = Map(dict(metadata) if isinstance(metadata, Mapping) else {})


def _meta(notebook: YNotebook) -> Map[Any]:
    meta: Map[Any] = notebook.ydoc.get("meta", type=Map)
    return meta
