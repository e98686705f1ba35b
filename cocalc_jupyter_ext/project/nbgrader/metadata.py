"""The grading metadata of a cell (pure; syncdoc-jupyter §9.1)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = [
    "FLAGS",
    "SCHEMA_VERSION",
    "free_grade_id",
    "grading_of",
    "points_of",
    "unique_grade_ids",
    "upgraded",
]

SCHEMA_VERSION: Final = 3
FLAGS: Final = ("grade", "locked", "solution", "task")


def grading_of(metadata: object) -> Mapping[str, Any] | None:
    """Return the grading part of a cell's metadata; None for an ordinary cell."""
    grading = metadata.get("nbgrader") if isinstance(metadata, Mapping) else None
    return grading if isinstance(grading, Mapping) else None


def upgraded(grading: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata as version 3 has it: a value for each flag, no false ``remove``."""
    version = grading.get("schema_version")
    if isinstance(version, int) and version >= SCHEMA_VERSION:
        return dict(grading)
    flags = {name: bool(grading.get(name)) for name in FLAGS}
    new = {**grading, **flags, "schema_version": SCHEMA_VERSION}
    if not new.get("remove"):
        new.pop("remove", None)
    return new


def points_of(grading: Mapping[str, Any]) -> float:
    """Return how many points a cell gives; what is not a number from 0 is none."""
    points = grading.get("points")
    if isinstance(points, bool) or not isinstance(points, int | float):
        return 0
    return points if 0 < points < float("inf") else 0


def free_grade_id(wanted: str, taken: Iterable[str]) -> str:
    """Return a grade id that no cell has: without white space, with a number if need be."""
    name = "".join(wanted.split()) or "cell"
    used = set(taken)
    number, free = 0, name
    while free in used:
        number += 1
        free = f"{name}{number}"
    return free


def unique_grade_ids(cells: Iterable[tuple[str, Mapping[str, Any] | None]]) -> dict[str, str]:
    """Return the grade ids to be set, by cell id, so that no two cells have the same one.

    Of several cells with one id the first keeps it; a cell without one gets its own id.
    """
    graded = [(cell_id, grading) for cell_id, grading in cells if grading is not None]
    wanted = [(cell_id, grading.get("grade_id")) for cell_id, grading in graded]
    names = {name for _, name in wanted if isinstance(name, str)}
    seen: set[str] = set()
    changes: dict[str, str] = {}
    for cell_id, name in wanted:
        if isinstance(name, str) and name and name not in seen and not _has_space(name):
            seen.add(name)
            continue
        base = name if isinstance(name, str) and name else cell_id
        changes[cell_id] = free_grade_id(base, names | seen)
        seen.add(changes[cell_id])
    return changes


def _has_space(name: str) -> bool:
    return any(sign.isspace() for sign in name)
