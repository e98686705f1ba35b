"""Who asked for runs in the records of a notebook: the authors of those commits (pure).

A client asks by setting the state of a cell (syncdoc-jupyter §4.1); the record does not say who it
was, the patch does.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from ..documents.syncdoc.patches import Patch
from ..documents.syncdoc.versions import author_of

__all__ = ["MAX_PATCHES", "asked_by"]

MAX_PATCHES: Final = 200
"""So far back a request is looked for: cells run soon after somebody asked."""
_SET: Final = 1


def asked_by(
    newest_first: Iterable[Patch], users: Sequence[str], cell_ids: Collection[str]
) -> str | None:
    """Return the account that asked last for one of these cells; None if that is not known."""
    for patch in newest_first:
        if _asks_for(patch.changes, cell_ids):
            return author_of(patch, users)
    return None


def _asks_for(changes: Sequence[Any], cell_ids: Collection[str]) -> bool:
    """Return whether the operations of a patch (§1.7) set the state of one of these cells."""
    return any(
        isinstance(record, dict) and record.get("state") == "start" and record.get("id") in cell_ids
        for operation, records in zip(changes[::2], changes[1::2], strict=False)
        if operation == _SET and isinstance(records, list)
        for record in records
    )
