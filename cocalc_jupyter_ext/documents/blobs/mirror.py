"""Shows the blobs of one notebook to CoCalc clients, where they look for them (syncdoc §4.7).

They ask the store ``jupyter:<path of the notebook>`` of the project for the bytes of an id. What
the records of a notebook refer to is put there before the commit that refers to it is published,
so a client that sees an id can have the bytes. The store is small (§1.2) and drops its oldest;
what a document shows and this store has lost is put there again when the document is opened.

A commit is never held up for long: where the store does not answer, clients miss a picture.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from ...conat.client.client import Client
from ...conat.errors import ConatError
from ...conat.persist.access import Owner, StorageOptions, StreamAccess
from ...conat.persist.client.remote import acquire
from ...conat.persist.errors import StoreError
from ...conat.persist.messages import NewMessage
from ...conat.protocol.codec import decode, encode
from .store import BlobStore

__all__ = ["BlobMirror", "fetch_lost", "mirror_name"]

_log = logging.getLogger(__name__)

MAX_BYTES: Final = 100_000_000
_BATCH_BYTES: Final = 8_000_000
_TIMEOUT_S: Final = 10.0
_RETRY_S: Final = 15.0

Then = Callable[[], None]


def mirror_name(path: str) -> str:
    """Return the name of the store of a notebook's blobs, below that of its project."""
    return f"jupyter:{path}"


async def fetch_lost(
    client: Client, project_id: str, path: str, blobs: BlobStore, wanted: Iterable[str]
) -> None:
    """Take what the project's store has lost from that of one notebook, as far as it is there."""
    lost = [blob for blob in wanted if blobs.size(blob) is None]
    if not lost:
        return
    mirror = BlobMirror(client, project_id, path, blobs)
    done = asyncio.Event()
    mirror.start()
    try:
        mirror.refer(lost)
        mirror.after_stored(done.set)
        await done.wait()
    finally:
        await mirror.close()


class BlobMirror:
    """Copies blobs between a project's store and that of one notebook.

    ``start`` it once, ``close`` it before its client. All methods are called on the event loop.
    """

    def __init__(self, client: Client, project_id: str, path: str, blobs: BlobStore) -> None:
        self._client = client
        self._storage = StorageOptions(Owner(project_id).path_of(mirror_name(path)))
        self._owner = Owner(project_id)
        self._path = path
        self._blobs = blobs
        self._known: set[str] = set()
        self._there: set[str] = set()
        self._waiting: deque[list[str] | Then] = deque()
        self._is_busy = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_failing = False
        self._retry_at = 0.0

    def start(self) -> None:
        """Begin to copy; calling it again does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"blobs of {self._path}")

    def refer(self, blobs: Iterable[str]) -> None:
        """Put what records refer to where clients look for it, and find what is only there."""
        new = [blob for blob in dict.fromkeys(blobs) if blob not in self._known]
        if new and self._task is not None:
            self._known.update(new)
            self._waiting.append(new)
            self._changed.set()

    def after_stored(self, then: Then) -> None:
        """Call ``then`` when clients can have all that was referred to; at once if they can."""
        if self._task is None or not (self._waiting or self._is_busy):
            then()
            return
        self._waiting.append(then)

    async def close(self) -> None:
        """Give up the store; whoever waits is called. Calling it again does nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        waiting, self._waiting = self._waiting, deque()
        for entry in waiting:
            if not isinstance(entry, list):
                entry()

    async def _run(self) -> None:
        access: StreamAccess | None = None
        try:
            while True:
                while not self._waiting:
                    self._changed.clear()
                    await self._changed.wait()
                self._is_busy = True
                entry = self._waiting.popleft()
                if not isinstance(entry, list):
                    self._call(entry)
                else:
                    access = access or await self._open()
                    await self._copy(access, entry)
                self._is_busy = False
        finally:
            self._is_busy = False
            if access is not None:
                await access.close()

    def _call(self, then: Then) -> None:
        try:
            then()
        except Exception:  # noqa: BLE001 - the commits that come next must not wait forever
            _log.exception("%s: a commit was not published", self._path)

    async def _open(self) -> StreamAccess | None:
        now_s = asyncio.get_running_loop().time()
        if now_s < self._retry_at:
            return None
        self._retry_at = now_s + _RETRY_S
        try:
            access = await acquire(self._client, self._owner, self._storage)
            wanted = {"max_bytes": MAX_BYTES, "allow_msg_ttl": True}
            await access.config(wanted, timeout_s=_TIMEOUT_S)
            self._there = set(await access.keys(timeout_s=_TIMEOUT_S))
        except ConatError as error:
            self._fail(error)
            return None
        return access

    async def _copy(self, access: StreamAccess | None, blobs: list[str]) -> None:
        """Copy both ways; what fails is tried again when it is named again."""
        if access is None:
            self._known.difference_update(blobs)
            return
        try:
            await self._blobs.flush()
            await self._send(access, [blob for blob in blobs if blob not in self._there])
            for blob in blobs:
                if blob in self._there and self._blobs.size(blob) is None:
                    await self._fetch(access, blob)
        except (ConatError, StoreError) as error:
            self._known.difference_update(blobs)
            self._fail(error)
        else:
            self._is_failing = False

    async def _send(self, access: StreamAccess, blobs: list[str]) -> None:
        batch: list[NewMessage] = []
        batch_bytes = total_bytes = 0
        for blob in blobs:
            content = await asyncio.to_thread(self._blobs.get, blob)
            if content is None or total_bytes + len(content) > MAX_BYTES:
                continue
            batch.append(NewMessage(raw=encode(content), key=blob))
            batch_bytes, total_bytes = batch_bytes + len(content), total_bytes + len(content)
            if batch_bytes > _BATCH_BYTES:
                await self._store(access, batch)
                batch, batch_bytes = [], 0
        if batch:
            await self._store(access, batch)

    async def _store(self, access: StreamAccess, batch: list[NewMessage]) -> None:
        for answer in await access.set_many(batch, timeout_s=_TIMEOUT_S):
            if isinstance(answer, ConatError):
                raise answer
        self._there.update(message.key for message in batch if message.key is not None)

    async def _fetch(self, access: StreamAccess, blob: str) -> None:
        """Take what only clients have into the project's store."""
        message = await access.get(key=blob, timeout_s=_TIMEOUT_S)
        content = None if message is None else decode(message.raw, message.encoding)
        if isinstance(content, bytes) and self._blobs.put(content) != blob:
            _log.warning("%s: what clients have as %s is something else", self._path, blob)

    def _fail(self, error: Exception) -> None:
        if not self._is_failing:
            _log.warning("CoCalc clients may miss outputs of %s: %s", self._path, error)
        self._is_failing = True
