"""Which files a project should hold open (conat-sync §4.8).

Front ends touch the files that people look at; the project opens what was touched lately, and
says which of its parts has a file open, that it was deleted, or what went wrong.
"""

from collections.abc import Callable, Iterator
from time import time
from typing import Any, Final

from ..client.client import Client
from ..errors import ConatError
from .dko import DKO, ObjectChange
from .opening import open_dko
from .view import View

__all__ = ["OPEN_FILES_NAME", "OpenFiles", "open_open_files"]

OPEN_FILES_NAME: Final = "open-files"
MAX_AGE_MS: Final = 24 * 60 * 60 * 1000


def _local_ms() -> float:
    return round(time() * 1000)


class OpenFiles(View[dict[str, Any]]):
    """The files of a project by their paths below its home; open it with ``open_open_files``.

    An entry is a dictionary with its ``path``, and as far as they are known ``time`` (of the last
    touch), ``doctype``, ``backend`` and ``deleted`` (each with a time) and ``error``. Times are
    Unix times in milliseconds. ``changes`` tells the whole entry. It owns ``objects``.
    """

    def __init__(
        self,
        objects: DKO,
        *,
        now_ms: Callable[[], float] = _local_ms,
        local_ms: Callable[[], float] = _local_ms,
    ) -> None:
        """``now_ms`` is the server's time as far as it is known, ``local_ms`` is for errors."""
        super().__init__(objects, "open files")
        self._objects = objects
        self._now_ms = now_ms
        self._local_ms = local_ms
        self._disconnect = objects.changes.connect(self._on_change)

    def has_unsaved_changes(self) -> bool:
        """Return whether something is not acknowledged yet."""
        return self._objects.has_unsaved_changes()

    # Say

    def touch(self, path: str, doctype: Any = None) -> None:
        """Say that somebody looks at a file now; raises ConatError without a path."""
        if not path:
            raise ConatError("a file that is touched needs a path")
        fields = {"time": self._now_ms()}
        self._update(path, fields if doctype is None else {**fields, "doctype": doctype})

    def set_error(self, path: str, error: object = None) -> None:
        """Say what went wrong with a file; None clears it."""
        told = None if error is None else {"time": self._local_ms(), "error": str(error)}
        self._update(path, {"error": told})

    def set_deleted(self, path: str) -> None:
        """Say that a file is gone."""
        self._update(path, {"deleted": {"deleted": True, "time": self._now_ms()}})

    def set_not_deleted(self, path: str) -> None:
        """Say that a file is there."""
        self._update(path, {"deleted": {"deleted": False, "time": self._now_ms()}})

    def set_backend(self, path: str, backend_id: int) -> None:
        """Say that a part of the project has a file open; 0 is the project itself."""
        self._update(path, {"backend": {"id": backend_id, "time": self._now_ms()}})

    def set_not_backend(self, path: str, backend_id: int) -> None:
        """Say that this part has a file open no more; another one's word stays."""
        if self.get_backend(path) == backend_id:
            self._update(path, {"backend": None})

    def delete(self, path: str) -> None:
        """Take a file off the list."""
        self._objects.delete(path)

    def clear(self) -> None:
        """Take all files off the list."""
        self._objects.clear()

    # Ask

    def get(self, path: str) -> dict[str, Any] | None:
        """Return the entry of a file; None for one that is not listed."""
        entry = self._objects.get(path)
        if entry is None:
            return None
        known = {field: value for field, value in entry.items() if value is not None}
        return {**known, "path": path}

    def get_all(self) -> list[dict[str, Any]]:
        """Return all entries, those touched first in front."""
        return [entry for path in self._objects if (entry := self.get(path)) is not None]

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __contains__(self, path: object) -> bool:
        return path in self._objects

    def is_deleted(self, path: str) -> bool:
        """Return whether a file was said to be gone."""
        return bool(self._part(path, "deleted").get("deleted"))

    def get_backend(self, path: str) -> Any:
        """Return the number of the part that has a file open; None when none has."""
        return self._part(path, "backend").get("id")

    def _part(self, path: str, field: str) -> dict[str, Any]:
        part = (self.get(path) or {}).get(field)
        return part if isinstance(part, dict) else {}

    def _update(self, path: str, fields: dict[str, Any]) -> None:
        self._objects.set(path, {**(self._objects.get(path) or {}), **fields})

    def _on_change(self, change: ObjectChange) -> None:
        entry = self.get(change.key)
        if entry is not None:
            self.changes.emit(entry)


async def open_open_files(
    client: Client,
    *,
    project_id: str,
    now_ms: Callable[[], float] = _local_ms,
    **options: Any,
) -> OpenFiles:
    """Open the list of a project; ``options`` are those of ``open_dkv``."""
    objects = await open_dko(
        client,
        name=OPEN_FILES_NAME,
        project_id=project_id,
        config={"max_age": MAX_AGE_MS},
        no_inventory=True,
        **options,
    )
    return OpenFiles(objects, now_ms=now_ms)
