"""Lets calls that would do the same share one run (hub-project-api §3.3, rule 9).

A caller names how new the result must be by a value, for instance a time: a run for a larger
value serves all smaller ones. With ``{"value": x}`` only a run for the same value serves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from ..dispatch import ApiError

__all__ = ["REUSE_S", "SharedRuns"]

T = TypeVar("T")

REUSE_S: Final = 60.0
MAX_SHARED: Final = 100


@dataclass(slots=True)
class _Slot(Generic[T]):
    """The runs of one command: the one in progress, and the last one that ended well."""

    running: "asyncio.Task[T] | None" = None
    running_value: Any = None
    finished: tuple[Any, T, float] | None = None
    wanted: list[Any] = field(default_factory=list)
    callers: int = 0


class SharedRuns(Generic[T]):
    """Runs commands for several callers at once; ``clock`` is in seconds and only grows."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slots: dict[str, _Slot[T]] = {}

    async def call(self, key: str, aggregate: object, run: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a run that serves this value; raises what the run raises."""
        value = _checked(aggregate)
        self._forget_old()
        if key not in self._slots and len(self._slots) >= MAX_SHARED:
            raise ApiError(f"at most {MAX_SHARED} different commands can be aggregated at once")
        slot = self._slots.setdefault(key, _Slot())
        slot.callers += 1
        slot.wanted.append(value)
        try:
            return await self._serve(slot, value, run)
        finally:
            slot.wanted.remove(value)
            slot.callers -= 1
            if not slot.callers and slot.running is not None:
                slot.running.cancel()  # nobody waits for it any more

    async def _serve(self, slot: _Slot[T], value: Any, run: Callable[[], Awaitable[T]]) -> T:
        while True:
            running = slot.running
            if running is None:
                if slot.finished is not None and _serves(slot.finished[0], value):
                    return slot.finished[1]
                running = self._begin(slot, value, run)
            elif not _serves(slot.running_value, value):
                await asyncio.wait({running})
                continue
            return await asyncio.shield(running)

    def _begin(
        self, slot: _Slot[T], value: Any, run: Callable[[], Awaitable[T]]
    ) -> "asyncio.Task[T]":
        for wanted in slot.wanted:
            value = wanted if _serves(wanted, value) else value

        async def work() -> T:
            try:
                result = await run()
                slot.finished = (value, result, self._clock())
                return result
            finally:
                slot.running = None

        slot.running_value = value
        slot.running = asyncio.create_task(work(), name="a command that callers share")
        return slot.running

    def _forget_old(self) -> None:
        now = self._clock()
        for key, slot in list(self._slots.items()):
            if slot.finished is not None and now - slot.finished[2] > REUSE_S:
                slot.finished = None
            if slot.finished is None and not slot.callers:
                del self._slots[key]


def _checked(aggregate: object) -> Any:
    value = aggregate.get("value") if isinstance(aggregate, Mapping) else aggregate
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ApiError("system.exec: aggregate must be a number, a text, or {value}")
    return ("equal", value) if isinstance(aggregate, Mapping) else value


def _serves(done: Any, wanted: Any) -> bool:
    """Whether a run for one value is good for another one."""
    if isinstance(done, tuple) or isinstance(wanted, tuple):
        return bool(done == wanted)
    try:
        return bool(wanted <= done)
    except TypeError:  # a text and a number have no order
        return False
