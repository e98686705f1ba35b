"""File ids from jupyter-server-fileid, found when first needed.

That extension is loaded after ours, so its manager is looked up in the server's settings at
each call.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..documents.file_ids import FileIds

__all__ = ["SettingsFileIds"]


class SettingsFileIds:
    """``FileIds`` through ``settings["file_id_manager"]``."""

    def __init__(self, settings: Callable[[], Mapping[str, Any]]) -> None:
        self._settings = settings

    def get_id(self, path: str) -> str | None:
        """Return the id of a path, if it has one."""
        return self._manager.get_id(path)

    def get_path(self, id: str) -> str | None:  # noqa: A002 - the manager's word
        """Return the path that belongs to an id, if it is known."""
        return self._manager.get_path(id)

    def move(self, old_path: str, new_path: str) -> str | None:
        """Note that a file was moved; return its id."""
        return self._manager.move(old_path, new_path)

    def index(self, path: str) -> str | None:
        """Return the id of a path, making one when it has none."""
        return self._manager.index(path)

    @property
    def _manager(self) -> FileIds:
        manager: FileIds | None = self._settings().get("file_id_manager")
        if manager is None:
            msg = (
                "jupyter-server-fileid is not running; enable it with "
                "`jupyter server extension enable jupyter_server_fileid`"
            )
            raise RuntimeError(msg)
        return manager
