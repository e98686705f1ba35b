"""Files that clients look at and that could not be opened: why, and when to try again.

Each reason is written once: into the file's entry, and where clients wait for the file or look
for its content (syncdoc-jupyter §1.13, §1.14).
"""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ...conat.client.client import Client
from ...conat.errors import ConatError
from ...conat.sync.open_files import OpenFiles
from ..syncdoc.coordination import DocumentType
from .open_entries import OpenEntry, ServedFile
from .unopened import tell_not_loaded, tell_unreadable

__all__ = ["FailedFiles"]

_log = logging.getLogger(__name__)

_MAX_ERROR_LENGTH: Final = 1000


@dataclass(frozen=True, slots=True)
class _Failure:
    error: str
    again_s: float


class FailedFiles:
    """What failed, by the path of its entry; ``now_s`` is a monotonic clock."""

    def __init__(
        self, client: Client, project_id: str, *, retry_s: float, now_s: Callable[[], float]
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._retry_s = retry_s
        self._now_s = now_s
        self._failures: dict[str, _Failure] = {}

    def may_try(self, path: str) -> bool:
        """Return whether a file may be opened now: it did not fail, or not just now."""
        failure = self._failures.get(path)
        return failure is None or failure.again_s <= self._now_s()

    def forget(self, path: str) -> None:
        """Note that a file was opened."""
        self._failures.pop(path, None)

    def keep_only(self, paths: Collection[str]) -> None:
        """Forget all files but these."""
        self._failures = {path: it for path, it in self._failures.items() if path in paths}

    def note(self, entries: OpenFiles, entry: OpenEntry, error: str) -> bool:
        """Write the reason into the entry; return whether it differs from the last one."""
        error = error[:_MAX_ERROR_LENGTH]
        known = self._failures.get(entry.path)
        self._failures[entry.path] = _Failure(error, self._now_s() + self._retry_s)
        if entry.error != error:
            _log.warning("a file that clients look at is not open: %s", error)
            entries.set_error(entry.path, error)
        return known is None or known.error != error

    async def note_not_served(self, entries: OpenFiles, entry: OpenEntry, error: str) -> None:
        """Write the reason into an entry that names no file, and where clients wait for it."""
        if self.note(entries, entry, error):
            doctype = entry.doctype or DocumentType()
            with self._unless_out_of_reach(entry.path):
                await tell_not_loaded(
                    self._client, self._project_id, entry.path, doctype, error[:_MAX_ERROR_LENGTH]
                )

    async def note_not_loaded(
        self,
        entries: OpenFiles,
        entry: OpenEntry,
        file: ServedFile,
        error: str,
        *,
        is_unreadable: bool = False,
    ) -> None:
        """Write the reason into the entry, and into the document that clients wait for.

        With ``is_unreadable`` there is a file whose content cannot be used.
        """
        if not self.note(entries, entry, error):
            return
        client, project_id, error = self._client, self._project_id, error[:_MAX_ERROR_LENGTH]
        with self._unless_out_of_reach(file.path):
            if file.is_notebook and is_unreadable:
                await tell_unreadable(client, project_id, file, error)
            else:
                await tell_not_loaded(client, project_id, file.synced_path, file.doctype, error)

    @contextmanager
    def _unless_out_of_reach(self, path: str) -> Iterator[None]:
        try:
            yield
        except (ConatError, UnicodeEncodeError) as reason:
            _log.warning("%s: clients are not told why it is not loaded: %s", path, reason)
