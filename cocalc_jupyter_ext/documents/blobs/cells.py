"""Large outputs of whole cells: out of them, back into them, and which there are (pure)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from .placeholders import INLINE_BYTES, Get, Put, blobs_of, expand, extract, map_bundle
from .whole_outputs import WHOLE_BYTES, keep_output, reference_to_output, whole_output

__all__ = ["large_cells", "references", "small_cells"]

Cells = Iterable[Mapping[str, Any]]


def small_cells(
    cells: Cells, put: Put, *, inline_bytes: int = INLINE_BYTES, whole_bytes: int = WHOLE_BYTES
) -> list[dict[str, Any]]:
    """Return cells of nbformat 4 with their large outputs moved out."""
    take = partial(extract, put=put, inline_bytes=inline_bytes)

    def small(output: Any) -> Any:
        return keep_output(map_bundle(output, take), put, whole_bytes=whole_bytes)

    return _mapped(cells, small)


def large_cells(cells: Cells, get: Get) -> list[dict[str, Any]]:
    """Return cells with their outputs back in place; what is gone stays a placeholder."""
    give = partial(expand, get=get)
    return _mapped(cells, lambda output: map_bundle(whole_output(output, get), give))


def references(cells: Cells) -> set[str]:
    """Return the ids of all that stands outside of some cells."""
    return {blob for cell in cells for output in _outputs(cell) for blob in _references(output)}


def _references(output: Any) -> Iterator[str]:
    blob = reference_to_output(output)
    if blob is not None:
        yield blob
    data = output.get("data") if isinstance(output, Mapping) else None
    if isinstance(data, Mapping):
        yield from (entry["sha1"] for entry in blobs_of(data).values())


def _mapped(cells: Cells, change: Callable[[Any], Any]) -> list[dict[str, Any]]:
    return [
        {**cell, "outputs": [change(output) for output in cell["outputs"]]}
        if isinstance(cell.get("outputs"), list)
        else dict(cell)
        for cell in cells
    ]


def _outputs(cell: Mapping[str, Any]) -> list[Any]:
    outputs = cell.get("outputs")
    return outputs if isinstance(outputs, list) else []
