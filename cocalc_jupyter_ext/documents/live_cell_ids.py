"""Which cell of a file is which cell of the live notebook (pure; syncdoc-jupyter §7.1)."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Any

__all__ = ["derived_id", "with_live_ids"]


def with_live_ids(notebook: Mapping[str, Any], live: Sequence[str], salt: str) -> dict[str, Any]:
    """Return a file's notebook with the ids that its cells have, or get, in the live one.

    A cell that is known by its id is that cell, wherever it stands now **(differs** from §7.1,
    which looks at places only): somebody may be typing in it. Any other one takes the place of
    the live cell that stands where it stands, if no cell of the file is that one. What is left
    keeps its own id, or gets one that follows from ``salt`` and its place.
    """
    cells = notebook["cells"]
    ids = _known_ids(cells, live)
    free = {live_id for live_id in live if live_id} - set(ids)
    used = {*live, *ids}
    for place, cell in enumerate(cells):
        if not ids[place]:
            ids[place] = _id_of_place(place, cell, live, free=free, used=used, salt=salt)
            free.discard(ids[place])
            used.add(ids[place])
    return {**notebook, "cells": [{**cell, "id": ids[n]} for n, cell in enumerate(cells)]}


def derived_id(salt: str, place: int) -> str:
    """Return an id that is the same whenever the same file is loaded."""
    return hashlib.sha256(f"{salt}:{place}".encode()).hexdigest()[:16]


def _known_ids(cells: Sequence[Mapping[str, Any]], live: Sequence[str]) -> list[str]:
    """Return the ids that live cells have; an empty one for other cells, and for doubles."""
    free, ids = set(live), []
    for cell in cells:
        cell_id = cell.get("id") or ""
        ids.append(cell_id if cell_id in free else "")
        free.discard(cell_id)
    return ids


def _id_of_place(
    place: int,
    cell: Mapping[str, Any],
    live: Sequence[str],
    *,
    free: Collection[str],
    used: Collection[str],
    salt: str,
) -> str:
    if place < len(live) and live[place] in free:
        return live[place]
    own = cell.get("id")
    if own and own not in used:
        return str(own)
    salts = (f"{salt} {number}" if number else salt for number in count())
    return next(found for each in salts if (found := derived_id(each, place)) not in used)
