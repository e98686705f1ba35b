"""Which kernels to offer, and which are out of date (pure; syncdoc-jupyter §4.8, §13).

Kernels say in their metadata, under ``cocalc``: ``priority`` (from 10 on suggested, below 0
deprecated), ``disabled`` (hidden), and for versions of the same thing ``family`` and ``version``,
which is dotted numbers, with ``display_version`` for people.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any, Final, TypeAlias

__all__ = ["KernelGroups", "compare_versions", "group_kernels", "is_version", "newest_of_family"]

Entry: TypeAlias = Mapping[str, Any]

SUGGESTED_PRIORITY: Final = 10
NO_LANGUAGE: Final = "misc"
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class KernelGroups:
    """Kernels by their names, and their names by language and by what is suggested."""

    by_name: dict[str, Entry] = field(default_factory=dict)
    by_language: dict[str, list[str]] = field(default_factory=dict)
    suggested: list[str] = field(default_factory=list)


def is_version(value: object) -> bool:
    """Return whether this is a version: numbers with dots between them."""
    return isinstance(value, str) and _VERSION.fullmatch(value) is not None


def compare_versions(left: str, right: str) -> int:
    """Return -1, 0 or 1; numbers count as numbers, and a shorter version is smaller.

    Raises ``ValueError`` for what is not a version.
    """
    for version in (left, right):
        if not is_version(version):
            raise ValueError(f"{version!r} is not a version, such as 10.2")
    mine, other = ([int(part) for part in version.split(".")] for version in (left, right))
    return (mine > other) - (mine < other)


def newest_of_family(name: str | None, entries: Iterable[Entry]) -> Entry | None:
    """Return the kernel that replaces this one, or None if there is none that is newer."""
    known = list(entries)
    current = next((each for each in known if each["name"] == (name or "").lower()), None)
    if current is None:
        return None
    mine = _cocalc(current)
    if not mine.get("family") or not is_version(mine.get("version")):
        return None
    family = [each for each in known if _is_candidate(each, mine["family"])]
    newest = max(family, key=_version_key, default=None)
    if newest is None or compare_versions(_cocalc(newest)["version"], mine["version"]) <= 0:
        return None
    return newest


def group_kernels(entries: Iterable[Entry]) -> KernelGroups:
    """Return what a menu offers: hidden ones are left out, deprecated ones come last."""
    visible = [each for each in entries if not _cocalc(each).get("disabled")]
    groups = KernelGroups()
    for entry in sorted(visible, key=lambda each: -_priority(each)):
        name = str(entry["name"])
        groups.by_name[name] = entry
        groups.by_language.setdefault(_language(entry), []).append(name)
        if _priority(entry) >= SUGGESTED_PRIORITY:
            groups.suggested.append(name)
    return groups


def _is_candidate(entry: Entry, family: object) -> bool:
    said = _cocalc(entry)
    return (
        said.get("family") == family
        and is_version(said.get("version"))
        and not said.get("disabled")
        and _priority(entry) >= 0
    )


def _version_key(entry: Entry) -> Any:
    return cmp_to_key(compare_versions)(_cocalc(entry)["version"])


def _cocalc(entry: Entry) -> Mapping[str, Any]:
    metadata = entry.get("metadata")
    said = metadata.get("cocalc") if isinstance(metadata, Mapping) else None
    return said if isinstance(said, Mapping) else {}


def _priority(entry: Entry) -> float:
    priority = _cocalc(entry).get("priority", 0)
    return priority if isinstance(priority, int | float) else 0


def _language(entry: Entry) -> str:
    return str(entry.get("language") or NO_LANGUAGE).lower()
