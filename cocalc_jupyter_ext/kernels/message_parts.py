"""Parts of what kernels say, whatever it is that they say (pure; syncdoc-jupyter §12.2).

A kernel is a program of anybody. A part that is not what the Jupyter messaging protocol wants is
skipped, so that one strange message never ends the run of a notebook.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["display_id_of", "mapping", "objects", "texts"]


def mapping(value: object) -> dict[str, Any]:
    """Return an object as it is; an empty one for anything else."""
    return dict(value) if isinstance(value, Mapping) else {}


def objects(value: object) -> tuple[dict[str, Any], ...]:
    """Return the objects of a list."""
    items = value if isinstance(value, list | tuple) else ()
    return tuple(dict(item) for item in items if isinstance(item, Mapping))


def texts(value: object) -> list[str]:
    """Return the items of a list as texts."""
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def display_id_of(content: Mapping[str, Any]) -> str | None:
    """Return the name of the display that a message makes or changes, if it has one."""
    display_id = mapping(content.get("transient")).get("display_id")
    return display_id if isinstance(display_id, str) else None
