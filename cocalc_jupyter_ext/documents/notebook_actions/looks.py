"""How cells are shown and protected: collapsing, hiding, tags, slides, metadata (pure; §3.3)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..syncdoc.records import Record, Records
from .changes import Change, map_changes, set_cell
from .errors import InvalidActionError, NotEditableError
from .reading import (
    cell_type_of,
    cells_in_order,
    distinct,
    is_editable,
    metadata_of,
    require_cell,
    require_map,
)

__all__ = [
    "SLIDES",
    "code_cell_ids",
    "hide",
    "protect",
    "set_metadata",
    "set_output_flag",
    "set_slide",
    "set_tag",
    "toggle_output_flag",
]

SLIDES: Final = ("slide", "subslide", "fragment", "skip", "notes")

_FLAG_DEFAULTS: Final = {"collapsed": True, "scrolled": False}
"""What a toggle takes a cell to be that does not say it; CoCalc clients have it so."""

_HIDING: Final = {"input": "source_hidden", "output": "outputs_hidden"}


def code_cell_ids(records: Records) -> list[str]:
    """Return the code cells, in order."""
    return [cell["id"] for cell in cells_in_order(records) if cell_type_of(cell) == "code"]


def set_output_flag(
    records: Records, ids: Sequence[str], flag: str, value: bool | None
) -> list[Change]:
    """Collapse outputs or put them into a scroll box; None unsets it. Raises UnknownCellError."""
    _require_flag(flag)
    cells = [require_cell(records, cell_id) for cell_id in distinct(ids)]
    return [set_cell(cell["id"], **{flag: value}) for cell in cells if cell.get(flag) is not value]


def toggle_output_flag(records: Records, ids: Sequence[str], flag: str) -> list[Change]:
    """Turn ``collapsed`` or ``scrolled`` over; a first toggle of ``collapsed`` makes it false."""
    _require_flag(flag)
    cells = [require_cell(records, cell_id) for cell_id in distinct(ids)]
    return [
        set_cell(cell["id"], **{flag: not cell.get(flag, _FLAG_DEFAULTS[flag])}) for cell in cells
    ]


def hide(records: Records, ids: Sequence[str], part: str, is_hidden: bool) -> list[Change]:
    """Hide or show the ``input`` or the ``output`` of cells; raises UnknownCellError."""
    if part not in _HIDING:
        raise InvalidActionError(f"{part!r} cannot be hidden: {', '.join(_HIDING)}")
    changes: list[Change] = []
    for cell_id in distinct(ids):
        cell = require_cell(records, cell_id)
        shown = metadata_of(cell).get("jupyter")
        old = shown if isinstance(shown, Mapping) else {}
        rest = {name: value for name, value in old.items() if name != _HIDING[part]}
        new = {**rest, _HIDING[part]: True} if is_hidden else rest
        if new != old:
            changes += _metadata_change(cell, {"jupyter": new or None})
    return changes


def protect(
    records: Records, ids: Sequence[str], *, editable: bool | None, deletable: bool | None
) -> list[Change]:
    """Protect cells, or end that with True; None leaves it as it is. Raises UnknownCellError."""
    wanted = {"editable": editable, "deletable": deletable}
    fields = {name: value for name, value in wanted.items() if value is not None}
    changes: list[Change] = []
    for cell_id in distinct(ids):
        cell = require_cell(records, cell_id)
        old = metadata_of(cell)
        new = {name: value for name, value in fields.items() if old.get(name, True) is not value}
        if new:
            # True is what holds without saying so.
            changes += _metadata_change(
                cell, {n: v if v is False else None for n, v in new.items()}
            )
    return changes


def set_tag(records: Records, ids: Sequence[str], tag: str, has_it: bool) -> list[Change]:
    """Tag cells, or take a tag away; raises UnknownCellError, InvalidActionError."""
    if not tag or any(sign.isspace() for sign in tag) or "," in tag:
        raise InvalidActionError(f"a tag is one word without commas, not {tag!r}")
    cells = [require_cell(records, cell_id) for cell_id in distinct(ids)]
    return [
        set_cell(cell["id"], tags={tag: has_it or None})
        for cell in cells
        if (tag in _tags(cell)) is not has_it
    ]


def set_slide(records: Records, ids: Sequence[str], slide: str | None) -> list[Change]:
    """Say what cells are in a slide show; None for nothing. Raises UnknownCellError."""
    if slide is not None and slide not in SLIDES:
        raise InvalidActionError(f"{slide!r} is not a type of slide: {', '.join(SLIDES)}")
    cells = [require_cell(records, cell_id) for cell_id in distinct(ids)]
    return [set_cell(cell["id"], slide=slide) for cell in cells if cell.get("slide") != slide]


def set_metadata(
    records: Records,
    cell_id: str,
    metadata: Mapping[str, Any],
    *,
    merge: bool = False,
    bypass_protection: bool = False,
) -> list[Change]:
    """Replace the metadata of a cell; with ``merge`` only these keys, null taking one away.

    Of a write protected cell only with ``bypass_protection``. Raises UnknownCellError,
    NotEditableError, InvalidActionError.
    """
    require_map(metadata, "metadata")
    cell = require_cell(records, cell_id)
    if not bypass_protection and not is_editable(cell):
        raise NotEditableError(cell_id)
    if merge:
        return _metadata_change(cell, metadata)
    old = metadata_of(cell)
    if dict(old) == dict(metadata):
        return []
    return [set_cell(cell_id, metadata=map_changes(cell.get("metadata"), metadata))]


def _metadata_change(cell: Record, changes: Mapping[str, Any]) -> list[Change]:
    old = metadata_of(cell)
    merged = {name: value for name, value in {**old, **changes}.items() if value is not None}
    if merged == dict(old):
        return []
    return [set_cell(cell["id"], metadata=dict(changes) if merged and old else merged or None)]


def _tags(cell: Record) -> Mapping[str, Any]:
    tags = cell.get("tags")
    return {t: v for t, v in tags.items() if v} if isinstance(tags, Mapping) else {}


def _require_flag(flag: str) -> None:
    if flag not in _FLAG_DEFAULTS:
        raise InvalidActionError(f"{flag!r} is not a flag of outputs: {', '.join(_FLAG_DEFAULTS)}")
