"""Keeps bytes by their SHA-1, for all documents of a project.

One file for each, in folders by the first two digits. A file appears under its name only when
it is complete, and says by that name what it must hold, so several servers can share the folder
and a file that a power failure has cut short is found out.

``put`` returns at once and ``write`` makes what was put outlive the process. The update log of a
document calls it before it stores anything, so no log ever refers to bytes that are lost by
killing the server. What waits is bounded: beyond that ``put`` writes itself.

Above ``max_bytes`` those go that were not used for longest, but never what an open document
shows (``protect``). Files of notebooks hold all of their outputs, so what goes is found again
when its notebook is opened.

All methods but ``tidy`` may be called from any thread.
"""

import asyncio
import logging
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...conat.persist.database.sqlite_file import store_errors
from ...conat.persist.errors import StoreError
from .values import blob_id, is_blob_id

__all__ = ["BlobLimits", "BlobStore", "References"]

_log = logging.getLogger(__name__)

References = Callable[[], Iterable[str]]
"""Returns the ids of what is in use."""

_KEEP_YOUNG_S: Final = 60.0
"""What was just put may not be in any document yet."""
_UNFINISHED_S: Final = 3600.0
_TIDY_TO: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobLimits:
    """Sizes in bytes: of all files, of what waits to be written, of what is kept in memory.

    Above 1.25 times ``max_bytes`` nothing is taken any more.
    """

    max_bytes: int = 2_000_000_000
    max_pending_bytes: int = 64_000_000
    max_cached_bytes: int = 32_000_000


class BlobStore:
    """The blobs below one folder, which is made when it is needed."""

    def __init__(
        self,
        folder: Path,
        limits: BlobLimits | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._limits = limits or BlobLimits()
        self._clock = clock
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._pending: dict[str, bytes] = {}
        self._pending_bytes = 0
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._cached_bytes = 0
        self._total: int | None = None
        self._in_use: list[References] = []

    def put(self, content: bytes) -> str | None:
        """Keep some bytes and return their id; None when there is no room, or no disk."""
        blob = blob_id(content)
        with self._lock:
            if blob in self._pending:
                return blob
            self._pending[blob] = content
            self._pending_bytes += len(content)
            is_full = self._pending_bytes > self._limits.max_pending_bytes
        if not is_full:
            return blob
        try:
            self.write()
        except StoreError as error:
            _log.warning("An output stays in its document, because %s", error)
            self._give_up(blob)
            return None
        return blob

    def get(self, blob: str) -> bytes | None:
        """Return the bytes of an id, or None when they are not here."""
        if not is_blob_id(blob):
            return None
        with self._lock:
            content = self._pending.get(blob)
            if content is None and (content := self._cache.get(blob)) is not None:
                self._cache.move_to_end(blob)
        if content is None:
            content = self._read(blob)
        return content

    def size(self, blob: str) -> int | None:
        """Return how many bytes an id has, or None when they are not here."""
        if not is_blob_id(blob):
            return None
        with self._lock:
            content = self._pending.get(blob) or self._cache.get(blob)
        if content is not None:
            return len(content)
        try:
            return self._place(blob).stat().st_size
        except OSError:
            return None

    def write(self) -> None:
        """Write what was put; when this returns it outlives the process.

        Raises StoreError; what could not be written is kept, and tried again by the next call.
        """
        with self._writing:
            with self._lock:
                waiting = dict(self._pending)
            for blob, content in waiting.items():
                self._write(blob, content)
                self._settle(blob, content)

    async def flush(self) -> None:
        """Write what was put, without keeping the event loop; raises StoreError."""
        await asyncio.to_thread(self.write)

    def protect(self, references: References) -> Callable[[], None]:
        """Keep what ``references`` returns, until the returned function is called."""
        self._in_use.append(references)

        def stop() -> None:
            if references in self._in_use:
                self._in_use.remove(references)

        return stop

    async def tidy(self) -> int:
        """Remove what was not used for longest if there is too much; returns how many went.

        Called on the event loop, to which the documents in use belong. Raises StoreError.
        """
        total = await asyncio.to_thread(self._measure)
        if total <= self._limits.max_bytes:
            return 0
        in_use = {blob for references in self._in_use for blob in references()}
        return await asyncio.to_thread(self._remove_oldest, in_use)

    # -- files --------------------------------------------------------------------------------

    def _place(self, blob: str) -> Path:
        return self._folder / blob[:2] / blob

    def _read(self, blob: str) -> bytes | None:
        place = self._place(blob)
        try:
            content = place.read_bytes()
            os.utime(place)
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("%s cannot be read: %s", place, error)
            return None
        if blob_id(content) != blob:
            _log.warning("%s is damaged and is removed", place)
            place.unlink(missing_ok=True)
            return None
        self._remember(blob, content)
        return content

    def _write(self, blob: str, content: bytes) -> None:
        place = self._place(blob)
        with store_errors(place):
            if self._is_there(place, len(content)):
                return
            if self._measured() + len(content) > 1.25 * self._limits.max_bytes:
                msg = f"{self._folder} holds as much as it may; close documents or allow more"
                raise StoreError(msg)
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            place.parent.mkdir(exist_ok=True, mode=0o700)
            # A number of its own would not do: in containers, processes have the same ids.
            unfinished = self._folder / f".{os.getpid()}-{secrets.token_hex(8)}"
            try:
                unfinished.touch(mode=0o600)
                unfinished.write_bytes(content)
                unfinished.replace(place)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
            self._total = self._measured() + len(content)

    @staticmethod
    def _is_there(place: Path, size: int) -> bool:
        try:
            if place.stat().st_size != size:
                return False
            os.utime(place)
        except FileNotFoundError:
            return False
        return True

    def _settle(self, blob: str, content: bytes) -> None:
        self._give_up(blob)
        self._remember(blob, content)

    def _give_up(self, blob: str) -> None:
        with self._lock:
            if (content := self._pending.pop(blob, None)) is not None:
                self._pending_bytes -= len(content)

    def _remember(self, blob: str, content: bytes) -> None:
        with self._lock:
            if blob not in self._cache:
                self._cache[blob] = content
                self._cached_bytes += len(content)
            while self._cached_bytes > self._limits.max_cached_bytes:
                self._cached_bytes -= len(self._cache.popitem(last=False)[1])

    def _measure(self) -> int:
        with self._writing, store_errors(self._folder):
            return self._measured()

    def _measured(self) -> int:
        if self._total is None:
            self._remove_unfinished()
            self._total = sum(found.stat().st_size for found in self._files())
        return self._total

    def _remove_unfinished(self) -> None:
        """Remove what servers that were killed had begun to write."""
        for file in self._folder.glob(".*-*"):
            if file.stat().st_mtime < self._clock() - _UNFINISHED_S:
                file.unlink(missing_ok=True)

    def _files(self) -> Iterator[os.DirEntry[str]]:
        """Yield all files; other servers may remove some meanwhile."""
        if not self._folder.is_dir():
            return
        with store_errors(self._folder), os.scandir(self._folder) as folders:
            for folder in folders:
                if not folder.is_dir():
                    continue
                with os.scandir(folder) as files:
                    yield from (file for file in files if is_blob_id(file.name))

    def _remove_oldest(self, in_use: set[str]) -> int:
        with self._writing, store_errors(self._folder):
            found = [(file.stat(), file) for file in self._files()]
            total = sum(status.st_size for status, _ in found)
            removed, young = 0, self._clock() - _KEEP_YOUNG_S
            for status, file in sorted(found, key=lambda item: item[0].st_mtime_ns):
                if total <= _TIDY_TO * self._limits.max_bytes or status.st_mtime > young:
                    break
                if file.name not in in_use:
                    Path(file.path).unlink(missing_ok=True)
                    self._forget(file.name)
                    total -= status.st_size
                    removed += 1
            self._total = total
        return removed

    def _forget(self, blob: str) -> None:
        with self._lock:
            if (content := self._cache.pop(blob, None)) is not None:
                self._cached_bytes -= len(content)
