"""A bounded number of things that are costly to open, kept for a while for whoever needs them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

__all__ = ["Leases"]

_log = logging.getLogger(__name__)

MAX_IDLE: Final = 4
IDLE_S: Final = 60.0


class _Closable(Protocol):
    async def close(self) -> None: ...


Thing = TypeVar("Thing", bound=_Closable)
Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class _Held(Generic[Thing]):
    """Something that is open or being opened, and how many use it."""

    opening: asyncio.Task[Thing | None]
    users: int = 0
    timer: asyncio.TimerHandle | None = None


class Leases(Generic[Key, Thing]):
    """Opens things by key when they are needed; those that nobody uses are closed after a while.

    ``open_it`` may return None for what does not exist; that is not remembered.
    """

    def __init__(
        self,
        open_it: Callable[[Key], Awaitable[Thing | None]],
        *,
        max_idle: int = MAX_IDLE,
        idle_s: float = IDLE_S,
    ) -> None:
        self._open_it = open_it
        self._max_idle = max_idle
        self._idle_s = idle_s
        self._held: dict[Key, _Held[Thing]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._held)

    @asynccontextmanager
    async def use(self, key: Key) -> AsyncIterator[Thing | None]:
        """Give the thing of a key, None where there is none; raises what opening raises."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held(asyncio.create_task(self._open(key)))
        held.users += 1
        if held.timer is not None:
            held.timer.cancel()
        try:
            yield await asyncio.shield(held.opening)
        finally:
            held.users -= 1
            if held.users == 0 and self._held.get(key) is held:
                self._unused(key, held)

    async def close(self) -> None:
        """Close everything, also what is in use; calling it again does nothing."""
        for key in list(self._held):
            self._give_up(key)
        if self._closing:
            await asyncio.wait(self._closing)

    async def _open(self, key: Key) -> Thing | None:
        return await self._open_it(key)

    def _unused(self, key: Key, held: _Held[Thing]) -> None:
        """Keep it for a while; what was not used for longest goes when there are too many."""
        if not _is_open(held.opening):
            self._give_up(key)
            return
        self._held[key] = self._held.pop(key)
        loop = asyncio.get_running_loop()
        held.timer = loop.call_later(self._idle_s, self._give_up, key)
        idle = [each for each, other in self._held.items() if other.users == 0]
        for each in idle[: max(0, len(idle) - self._max_idle)]:
            self._give_up(each)

    def _give_up(self, key: Key) -> None:
        held = self._held.pop(key)
        if held.timer is not None:
            held.timer.cancel()
        closing = asyncio.create_task(self._close(held.opening), name=f"closing of {key}")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _close(self, opening: asyncio.Task[Thing | None]) -> None:
        opening.cancel()
        await asyncio.wait([opening])
        if not _is_open(opening):
            return
        thing = opening.result()
        if thing is not None:
            try:
                await thing.close()
            except Exception:  # noqa: BLE001 - nobody is there who could be told
                _log.exception("something that nobody uses was not closed")


def _is_open(opening: asyncio.Task[Thing | None]) -> bool:
    if not opening.done() or opening.cancelled() or opening.exception() is not None:
        return False
    return opening.result() is not None
