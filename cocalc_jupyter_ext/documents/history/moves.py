"""Histories follow the files and folders that are renamed, one after the other (rules: SPEC H)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from ...conat.client.client import Client
from ...conat.errors import ConatError
from .listing import listed_paths
from .moving import move_history
from .service import synced_path

__all__ = ["HistoryMoves", "file_path", "moved_path", "renamed"]

_log = logging.getLogger(__name__)

_HIDDEN_NOTEBOOK: Final = ".ipynb.sage-jupyter2"


def file_path(synced: str) -> str:
    """Return the path of the file of a synced document (syncdoc-jupyter §3.1)."""
    folder, slash, name = synced.rpartition("/")
    if name.startswith(".") and name.endswith(_HIDDEN_NOTEBOOK):
        name = name[1:].removesuffix(".sage-jupyter2")
    return f"{folder}{slash}{name}"


def moved_path(path: str, old: str, new: str) -> str | None:
    """Return where a file is when it or a folder around it was moved; None if neither was."""
    if path == old:
        return new
    return new + path.removeprefix(old) if path.startswith(f"{old}/") else None


def renamed(synced: str, path: str) -> str | None:
    """Return the synced path of a document whose file is at ``path`` now.

    None when it is not of the same kind any more: a notebook, or something else.
    """
    if file_path(synced) == synced:
        return None if path.endswith(".ipynb") else path
    return synced_path(path) if path.endswith(".ipynb") else None


class HistoryMoves:
    """Moves the histories of one project; ``client`` is the project's own."""

    def __init__(self, client: Client, project_id: str) -> None:
        self._client = client
        self._project_id = project_id
        self._one_move = asyncio.Lock()

    async def settled(self) -> None:
        """Return when no move is under way: a document that opens finds its history then."""
        async with self._one_move:
            pass

    async def move(self, old: str, new: str) -> None:
        """Move the history of a synced path. What fails is logged: it stays under the old path."""
        async with self._one_move:
            await self._move(old, new)

    async def follow(self, old: str, new: str, is_open: Callable[[str], bool]) -> None:
        """Move the histories of a renamed file, or of all files in a folder.

        Documents of which ``is_open`` is true for the synced path are left to who has them open.
        """
        async with self._one_move:
            try:
                paths = await listed_paths(self._client, self._project_id)
            except ConatError as error:
                _log.warning("the histories of %s stay under that path: %s", old, error)
                return
            for path in paths:
                now_at = moved_path(file_path(path), old, new)
                target = None if now_at is None else renamed(path, now_at)
                if target is not None and not is_open(path):
                    await self._move(path, target)

    async def _move(self, old: str, new: str) -> None:
        try:
            await move_history(self._client, self._project_id, old, new)
        except ConatError as error:
            _log.warning("the history of %s was not moved to %s: %s", old, new, error)
