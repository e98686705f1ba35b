"""Looks at the file of a document, and finds it again when it was moved outside of Jupyter."""

import asyncio
from typing import TYPE_CHECKING

from .linked_document import LinkedDocument
from .storage import FileIdentity, FileStorage, FileVersion

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FileTracker"]

_RENAME_S = 0.1
_STILL_S = 0.2
_LOOKS = 10


class FileTracker:
    """Knows what the file was when it was last seen.

    ``follow`` lets the document go on at the path that its file was moved to, or declines.
    """

    def __init__(self, document: LinkedDocument, storage: FileStorage) -> None:
        self._document = document
        self._storage = storage
        self._identity: FileIdentity | None = None
        self._seen: FileVersion | None = None
        self._known: FileVersion | None = None
        self.follow: Callable[[str], bool] = lambda _: False

    async def look(self, known: FileVersion | None) -> FileVersion | None:
        """Return the state of the file, or None when it is gone.

        The costly part is fetched only if it may be another than ``known``.
        """
        found = await self._storage.stat(self._document.path)
        if found is None:
            # It may be on its way to another path; the news of a rename come a moment later.
            await asyncio.sleep(_RENAME_S)
            return await self._look_again()
        if found != self._seen:
            self._seen = found
            await self.remember()
        if known is not None and found.modified == known.modified:
            return known
        if self._known is None or found.modified != self._known.modified:
            self._known = await self._read_when_still(found, known)
        return self._known

    async def _read_when_still(
        self, found: FileVersion, known: FileVersion | None
    ) -> FileVersion | None:
        """Return the state of a changed file, as soon as nobody is writing it any more.

        Half a text looks like one of which somebody deleted the rest. A file that does not come
        to rest for two seconds is taken as it is.
        """
        version = await self._storage.version(self._document.path)
        if known is None or version is None or version.same_bytes(known):
            return version
        for _ in range(_LOOKS):
            await asyncio.sleep(_STILL_S)
            again = await self._storage.stat(self._document.path)
            if again is None or again.modified == found.modified:
                break
            found = again
        return await self._storage.version(self._document.path)

    async def remember(self) -> None:
        """Note by what the file can be found when it is moved; call it after each write."""
        identity = await self._storage.identity(self._document.path)
        # Without one it was moved just now, and is found by what was noted before.
        if identity is not None:
            self._identity = identity

    async def _look_again(self) -> FileVersion | None:
        found = await self._storage.version(self._document.path)
        # A file that is not found the first time is not searched for again and again.
        identity, self._identity = self._identity, None
        if found is not None or identity is None:
            return found
        path = await self._storage.find(identity, self._document.path)
        if path is None or not self.follow(path):
            return None
        await self.remember()
        return await self._storage.version(path)
