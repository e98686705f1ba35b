"""Files that are attached to a cell, in its record (pure; syncdoc-jupyter §3.6).

A client that has uploaded a file asks the project to take it in: ``load`` with the file's path
becomes ``loading``, and then ``sha1`` with the id of the content, or ``error`` with a text.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["LOADING", "failed", "image_type", "is_loading", "loaded", "wanted_loads"]

LOADING: Final[Mapping[str, Any]] = {"type": "loading", "value": None}
"""Stands for a file that is being read."""


def wanted_loads(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and path of the files that a cell's record asks for."""
    for name, entry in _entries(record):
        path = entry.get("value")
        if entry.get("type") == "load" and isinstance(path, str):
            yield name, path


def is_loading(record: Mapping[str, Any], name: str | None = None) -> bool:
    """Return whether a file, or any file, of a cell is being read."""
    return any(
        entry.get("type") == LOADING["type"] and name in {each, None}
        for each, entry in _entries(record)
    )


def loaded(blob: str) -> dict[str, Any]:
    """Return the entry of a file whose content is kept."""
    return {"type": "sha1", "value": blob}


def failed(reason: str) -> dict[str, Any]:
    """Return the entry of a file that could not be taken in."""
    return {"type": "error", "value": reason}


def image_type(name: str) -> str:
    """Return the type of an attached picture by its name (§7.2)."""
    extension = name.rpartition(".")[2].lower()
    kinds = {"jpg": "jpeg", "svg": "svg+xml"}
    return f"image/{kinds.get(extension, extension)}"


def _entries(record: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    attachments = record.get("attachments")
    if isinstance(attachments, Mapping):
        for name, entry in attachments.items():
            if isinstance(entry, Mapping):
                yield name, entry
