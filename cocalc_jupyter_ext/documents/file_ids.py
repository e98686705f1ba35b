"""The service that gives files a name of their own, apart from their path."""

from typing import Protocol

__all__ = ["FileIds"]


class FileIds(Protocol):
    """Stable ids of files; implemented by jupyter-server-fileid's managers."""

    def get_id(self, path: str) -> str | None:
        """Return the id of a path, if it has one."""
        ...

    def get_path(self, id: str) -> str | None:  # noqa: A002 - the implementation's word
        """Return the path that belongs to an id, if it is known."""
        ...

    def move(self, old_path: str, new_path: str) -> str | None:
        """Note that a file was moved; return its id."""
        ...

    def index(self, path: str) -> str | None:
        """Return the id of a path, making one when it has none."""
        ...
