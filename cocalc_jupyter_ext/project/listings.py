"""Listings of the folders that somebody looks at (conat-sync §6.2, §6.4).

Whoever looks at a folder says so with ``watch``, and reads its listing from a shared map of the
project. The folder is looked at again every few seconds, until nobody has said so for ten
minutes; what has changed goes into the map.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, Self

from ..conat.client.client import Client
from ..conat.client.subscription import Message
from ..conat.errors import ConatError
from ..conat.services.folder import FileRefused, Folder
from ..conat.services.named import NamedService, service_subject, typed
from ..conat.services.worker_threads import in_thread
from ..conat.sync.dkv import DKV
from ..conat.sync.opening import open_dkv
from ..conat.types import JsonValue, ProjectId
from .files import list_folder, listing_to_wire

__all__ = ["ListingService", "ListingTimes", "listings_subject"]

_log = logging.getLogger(__name__)

MAX_FOLDERS: Final = 50
MAX_FILES: Final = 500
MAX_PATH_LENGTH: Final = 4_096
OPEN_TIMEOUT_S: Final = 8.0
"""A little less than callers wait, so that they are told."""

_CONFIG: Final = {"max_msgs": MAX_FOLDERS}
_HOME: Final = (".", "~")
_REST: Final = 20
"""How many times longer than a look at a folder took nobody looks at it again."""

WallClock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class ListingTimes:
    """How often folders are looked at, and for how long after the last interest, in seconds."""

    poll_s: float = 3.0
    interest_s: float = 600.0


@dataclass(slots=True)
class _Watched:
    """A folder somebody looks at; times in seconds, ``listing`` without its own time."""

    interest_s: float
    due_s: float = 0.0
    listing: dict[str, JsonValue] | None = None


def listings_subject(project_id: str, compute_server_id: int = 0) -> str:
    """Return where the service answers."""
    return service_subject("listings", project_id=project_id, compute_server_id=compute_server_id)


class ListingService:
    """Keeps the listings of a project's folders, for who asks. Use as an async context manager.

    At most 50 folders are watched; those of the oldest interest are given up first.
    """

    def __init__(
        self,
        client: Client,
        folder: Folder,
        *,
        project_id: ProjectId,
        times: ListingTimes | None = None,
        clock: WallClock = time.time,
    ) -> None:
        self._client = client
        self._folder = folder
        self._project_id = project_id
        self._limits = times or ListingTimes()
        self._clock = clock
        functions = {"watch": self._watch, "getListing": self._get_listing}
        self._service = NamedService(client, listings_subject(project_id), typed(functions))
        self._watched: dict[str, _Watched] = {}
        self._looking = asyncio.Lock()
        self._maps: asyncio.Task[tuple[DKV, DKV]] | None = None
        self._runner: asyncio.Task[None] | None = None
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Answer; the maps are opened in the background. Raises what subscribing raises."""
        await self._service.start()
        self._maps = asyncio.create_task(self._open_maps(), name="listings-maps")
        self._runner = asyncio.create_task(self._run(self._maps), name="listings")

    async def stop(self) -> None:
        """End; calling it again does nothing."""
        await self._service.stop()
        tasks = [task for task in (self._runner, self._maps) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._runner = self._maps = None
        await self._running.aclose()

    # The functions

    async def _watch(self, _request: Message, path: object) -> None:
        key = _key(path)
        await self._opened()
        watched = self._watched.setdefault(key, _Watched(0.0))
        watched.interest_s = self._clock()
        while len(self._watched) > MAX_FOLDERS:
            del self._watched[min(self._watched, key=lambda each: self._watched[each].interest_s)]
        async with self._looking:
            await self._look(key, watched)

    async def _get_listing(self, _request: Message, options: object) -> JsonValue:
        values = options if isinstance(options, dict) else {}
        path, hidden = _key(values.get("path")), bool(values.get("hidden"))
        return await in_thread(lambda: listing_to_wire(self._folder, path, hidden=hidden))

    # The maps

    async def _open_maps(self) -> tuple[DKV, DKV]:
        return await self._open("listings"), await self._open("listings-times")

    async def _open(self, name: str) -> DKV:
        opened = await open_dkv(
            self._client, name=name, project_id=self._project_id, config=_CONFIG
        )
        return await self._running.enter_async_context(opened)

    async def _opened(self) -> tuple[DKV, DKV]:
        if self._maps is None:
            raise ConatError("the listings are not kept any more")
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                return await asyncio.shield(self._maps)
        except TimeoutError as error:
            raise ConatError("the streams of the project cannot be reached; try again") from error

    # Looking

    async def _run(self, maps: "asyncio.Task[tuple[DKV, DKV]]") -> None:
        try:
            _, times = await asyncio.shield(maps)
        except ConatError as error:
            _log.error("folders cannot be watched: %s", error)
            return
        self._resume(times)
        while True:
            for key, watched in list(self._watched.items()):
                await self._look_again(key, watched)
            await asyncio.sleep(self._limits.poll_s)

    def _resume(self, times: DKV) -> None:
        """Go on with what was watched when the server ended."""
        for key, value in times.get_all().items():
            interest = value.get("interest") if isinstance(value, dict) else None
            if isinstance(interest, int | float):
                self._watched.setdefault(key, _Watched(interest / 1000))

    async def _look_again(self, key: str, watched: _Watched) -> None:
        if self._clock() - watched.interest_s > self._limits.interest_s:
            self._watched.pop(key, None)
            return
        try:
            async with self._looking:
                if self._clock() >= watched.due_s:
                    await self._look(key, watched)
        except ConatError as error:
            _log.warning("the listing of '%s' is out of date: %s", key, error)
        except Exception:  # noqa: BLE001 - the other folders are looked at anyway
            _log.exception("the listing of '%s' is out of date", key)

    async def _look(self, key: str, watched: _Watched) -> None:
        """Look at a folder; put it into the map if it has changed."""
        began_s = self._clock()
        listing = await in_thread(_describe, self._folder, key)
        now_s = self._clock()
        watched.due_s = now_s + _REST * max(now_s - began_s, 0.0)
        listings, times = await self._opened()
        now_ms, interest_ms = round(now_s * 1000), round(watched.interest_s * 1000)
        before: Any = times.get(key)
        updated_ms = before.get("updated", now_ms) if isinstance(before, dict) else now_ms
        if listing != watched.listing or key not in listings:
            listings.set(key, {**listing, "time": now_ms})
            watched.listing, updated_ms = listing, now_ms
        told = {"updated": updated_ms, "interest": interest_ms}
        if told != before:
            times.set(key, told)


def _key(path: object) -> str:
    """Return the key of a folder; raises ConatError for what is not a path."""
    if not isinstance(path, str) or len(path) > MAX_PATH_LENGTH:
        raise ConatError(f"the path of a folder is a text of at most {MAX_PATH_LENGTH} characters")
    return "" if path in _HOME else path


def _describe(folder: Folder, path: str) -> dict[str, JsonValue]:
    """Return the value of a folder in the map, without its time."""
    try:
        listing = list_folder(folder, path, newest=MAX_FILES)
    except FileRefused as error:
        return {"error": str(error), "exists": not error.is_missing}
    told: dict[str, JsonValue] = {
        "files": [entry.to_wire() for entry in listing.entries],
        "exists": True,
    }
    return {**told, "more": True} if listing.has_more else told
