"""One structure for all who open the same store over the same client (conat-sync §4).

The first who opens decides the options; the others hold the same object, and the last who
closes it closes it really.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

from ..signals import Signal

__all__ = ["Shareable", "SharedStructures", "shared_structures"]


class Shareable(Protocol):
    """What can have several holders."""

    references: int
    closed: Signal[[]]

    async def close(self) -> None:
        """Give up one hold."""
        ...


S = TypeVar("S", bound=Shareable)


class _Slot:
    """A structure that is open or being opened."""

    def __init__(self, task: "asyncio.Task[Any]") -> None:
        self.task = task
        self.waiting = 0
        self.is_taken = False

    @property
    def is_usable(self) -> bool:
        if not self.task.done():
            return True
        if self.task.cancelled() or self.task.exception() is not None:
            return False
        return not self.is_taken or self.task.result().references > 0


class SharedStructures:
    """The open structures of one client."""

    def __init__(self) -> None:
        self._slots: dict[Hashable, _Slot] = {}

    def __len__(self) -> int:
        return len(self._slots)

    async def open(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, S]]) -> S:
        """Return the structure of a key, made if there is none; the caller closes it once.

        Who waits for the same opening shares its outcome, failure included. It is given up when
        all who waited for it are cancelled.
        """
        while True:
            slot = self._slots.get(key)
            if slot is None or not slot.is_usable:
                slot = self._slots[key] = _Slot(asyncio.create_task(make(), name=f"open-{key}"))
            structure = cast("S", await self._wait(key, slot))
            if not slot.is_taken:
                slot.is_taken = True
                structure.closed.connect(lambda slot=slot: self._drop(key, slot))  # type: ignore[misc]
                return structure
            if structure.references > 0:
                structure.references += 1
                return structure

    async def _wait(self, key: Hashable, slot: _Slot) -> Shareable:
        slot.waiting += 1
        try:
            return cast("Shareable", await asyncio.shield(slot.task))
        except BaseException:
            if slot.waiting == 1 and not slot.is_taken:
                self._drop(key, slot)
                await _abandon(slot.task)
            raise
        finally:
            slot.waiting -= 1

    def _drop(self, key: Hashable, slot: _Slot) -> None:
        if self._slots.get(key) is slot:
            del self._slots[key]


async def _abandon(task: "asyncio.Task[Shareable]") -> None:
    """End an opening that nobody waits for, and close what it opened anyway."""
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    if not isinstance(outcome, BaseException):
        await outcome.close()


_of_clients: WeakKeyDictionary[object, SharedStructures] = WeakKeyDictionary()


def shared_structures(client: object) -> SharedStructures:
    """Return the open structures of a client; they are forgotten with it."""
    return _of_clients.setdefault(client, SharedStructures())
