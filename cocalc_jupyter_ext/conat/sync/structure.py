"""What all shared structures have in common: a mirror, a saver, and a life that may be shared."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

from ..signals import Signal
from .core_stream import CoreStream
from .errors import Closed
from .inventory_updates import InventoryUpdates
from .saver import Pass, Saver

__all__ = ["Structure"]


class Structure(ABC):
    """A shared structure over a stream.

    It may have several holders (``caching``): each closes it once, and the last one closes it
    really. Reading after that raises Closed. Use it as an asynchronous context manager, or call
    ``close``.
    """

    def __init__(self, core: CoreStream, updates: InventoryUpdates | None = None) -> None:
        self.name = core.name
        self.references = 1
        self.closed: Signal[[]] = Signal(f"closing of {core.name}")
        self.stable: Signal[[]] = Signal(f"stability of {core.name}")
        self._core = core
        self._updates = updates
        self._saver = Saver(self._save_pass, self._has_unsaved, core.name)
        self._was_stable = True
        core.progressed.connect(self._progressed)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @property
    def is_closed(self) -> bool:
        """Whether nobody holds it any more."""
        return self.references == 0

    def start(self, *, autosave: bool) -> None:
        """Begin to save by itself, if so wanted."""
        if autosave:
            self._saver.start()

    async def close(self) -> None:
        """Give up one's hold; the last holder's call ends the structure.

        With autosave, what is unsaved is saved first, for at most ten seconds; what then is
        still unsaved is lost and logged. Without autosave unsaved changes are dropped.
        """
        if self.references == 0:
            return
        self.references -= 1
        if self.references > 0:
            return
        try:
            await self._saver.close()
        finally:
            if self._updates is not None:
                await self._updates.close()
            await self._core.close()
            self._forget()
            self.closed.emit()
            self.closed.clear()
            self.stable.clear()

    def has_unsaved_changes(self) -> bool:
        """Return whether something written is not acknowledged yet."""
        self._check_open()
        return self._has_unsaved()

    def is_stable(self) -> bool:
        """Return whether everything written has come back from the server."""
        self._check_open()
        return self._is_settled()

    # For subclasses

    @abstractmethod
    async def _save_pass(self) -> Pass:
        """Send what is unsaved, once; raises the first failure, unless the server decided."""

    @abstractmethod
    def _has_unsaved(self) -> bool:
        """Return whether something is not acknowledged."""

    @abstractmethod
    def _settle(self) -> None:
        """Forget what has arrived in the mirror."""

    @abstractmethod
    def _is_settled(self) -> bool:
        """Return whether everything has arrived in the mirror."""

    @abstractmethod
    def _forget(self) -> None:
        """Drop all data, and all listeners."""

    def _check_open(self) -> None:
        if self.references == 0:
            raise Closed(self.name)

    def _written(self) -> None:
        """Note a local write."""
        self._was_stable = False
        self._saver.request()
        if self._updates is not None:
            self._updates.request()

    def _progressed(self) -> None:
        self._settle()
        self._saver.wake()
        self._tell_stability()

    def _tell_stability(self) -> None:
        if not self._was_stable and self._is_settled():
            self._was_stable = True
            self.stable.emit()

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait until the mirror has come so far that the condition holds, or is closed."""
        holds = asyncio.Event()

        def check() -> None:
            if self._core.is_closed or condition():
                holds.set()

        disconnects = [self._core.progressed.connect(check), self._core.closed.connect(check)]
        try:
            check()
            await holds.wait()
        finally:
            for disconnect in disconnects:
                disconnect()
