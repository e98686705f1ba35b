"""What becomes of a save request that the project did not know of (pure; syncdoc-jupyter §1.17).

The project notes in a document's record what the file has, and in the same field clients ask for
saves. When both happen at once, one would overwrite the other, and a client would take a note for
the answer to its request.
"""

from collections.abc import Mapping
from typing import Any, Final

from ...conat.sync.dko_rows import FieldRow, parse
from ...conat.sync.equality import equal
from ...conat.sync.merge import Conflict

__all__ = ["SAVE_FIELD", "is_requested", "is_same_request", "keep_request"]

SAVE_FIELD: Final = "save"


def is_requested(state: Mapping[str, Any]) -> bool:
    """Return whether the field of a record asks for a save."""
    return state.get("state") == "requested"


def is_same_request(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two requests are the same; who asks again gives another time."""
    return all(equal(one.get(name), other.get(name)) for name in ("expected_hash", "time"))


def keep_request(conflict: Conflict) -> Any:
    """Let a request stand that came while the project wrote something that does not answer it.

    The project can only have answered what was there before: a client sends its request again
    when it has not seen it come back. In any other conflict what the project wrote counts; then
    None is returned.
    """
    local, remote, known = conflict.local, conflict.remote, conflict.prev
    if not (_is_save_row(conflict.key) and isinstance(local, dict) and isinstance(remote, dict)):
        return None
    if not is_requested(remote) or _is_again(known, remote):
        return None
    return {**remote, "hash": local["hash"]} if "hash" in local else remote


def _is_again(known: Any, remote: Mapping[str, Any]) -> bool:
    return isinstance(known, dict) and is_requested(known) and is_same_request(known, remote)


def _is_save_row(key: str) -> bool:
    row = parse(key)
    return isinstance(row, FieldRow) and row.field == SAVE_FIELD
