"""What becomes of a save request that the project did not know of (pure; syncdoc-jupyter §1.17).

The project notes in a document's record what the file has, and in the same field clients ask for
saves. When both happen at once, one would overwrite the other, and a client would take a note for
the answer to its request.
"""

from typing import Any, Final

from ...conat.sync.dko_rows import FieldRow, parse
from ...conat.sync.merge import Conflict

__all__ = ["SAVE_FIELD", "keep_request"]

SAVE_FIELD: Final = "save"


def keep_request(conflict: Conflict) -> Any:
    """Let a request stand that came while the project wrote something that does not answer it.

    It is another one than was known if something else is expected to be saved. In any other
    conflict what the project wrote counts; then None is returned.
    """
    local, remote = conflict.local, conflict.remote
    if not (_is_save_row(conflict.key) and isinstance(local, dict) and isinstance(remote, dict)):
        return None
    is_unknown = remote.get("expected_hash") != local.get("expected_hash")
    if remote.get("state") != "requested" or not is_unknown:
        return None
    return {**remote, "hash": local["hash"]} if "hash" in local else remote


def _is_save_row(key: str) -> bool:
    row = parse(key)
    return isinstance(row, FieldRow) and row.field == SAVE_FIELD
