"""Asking the project to write a document to its file (syncdoc-jupyter §1.17).

Only the project writes files. A participant asks by the record, and the answer comes by it too.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from ...conat.errors import ConatError, RequestTimeout
from .save_requests import is_requested
from .sync_document import SyncDocument
from .utf16 import string_hash

__all__ = ["SaveFailed", "has_unsaved_changes", "save_to_disk"]

Value = TypeVar("Value")

ANSWER_TIMEOUT_S: Final = 15.0
MAX_ATTEMPTS: Final = 8


class SaveFailed(ConatError):  # noqa: N818 - a result, like Rejected
    """The project could not write the file; the text says why."""


def has_unsaved_changes(document: SyncDocument[Value]) -> bool:
    """Return whether the file has something else than the document, as far as the record says."""
    return bool(string_hash(document.text) != _save_state(document).get("hash"))


async def save_to_disk(
    document: SyncDocument[Value], *, timeout_s: float = ANSWER_TIMEOUT_S
) -> None:
    """Return when the file holds the document.

    Raises SaveFailed with the project's reason, and RequestTimeout when no project answers
    within ``timeout_s``, eight times.
    """
    await document.save()
    if not has_unsaved_changes(document):
        if is_requested(_save_state(document)):
            return  # Somebody else waits for an answer.
        document.record.update({"save": {"state": "done", "error": ""}})
        return
    for _ in range(MAX_ATTEMPTS):
        _ask(document)
        await document.record.save()
        try:
            async with asyncio.timeout(timeout_s):
                answer = await _answer(document)
        except TimeoutError:
            continue
        if answer.get("error"):
            raise SaveFailed(str(answer["error"]))
        return
    raise RequestTimeout("nobody has written the file; is the project running?")


def _ask(document: SyncDocument[Value]) -> None:
    request = {
        "state": "requested",
        "error": "",
        "expected_hash": string_hash(document.text),
        "time": datetime.now(UTC),
    }
    document.record.update({"save": request})


async def _answer(document: SyncDocument[Value]) -> dict[str, Any]:
    changed = asyncio.Event()
    disconnect = document.record.changes.connect(changed.set)
    try:
        while (state := _save_state(document)).get("state") != "done":
            changed.clear()
            await changed.wait()
        return state
    finally:
        disconnect()


def _save_state(document: SyncDocument[Value]) -> dict[str, Any]:
    state = document.record.get().get("save")
    return state if isinstance(state, dict) else {}
