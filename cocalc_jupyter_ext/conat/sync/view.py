"""What tables and lists that show a structure in another form have in common."""

from collections.abc import Callable
from typing import Generic, Self, TypeVar

from ..signals import Signal
from .dko import DKO
from .dkv import DKV
from .dstream import DStream

__all__ = ["View"]

C = TypeVar("C")


class View(Generic[C]):
    """Owns a structure and tells its ``changes`` in another form, ``C``.

    A subclass sets ``_disconnect``, which ends its listening to the structure.
    """

    _disconnect: Callable[[], None]

    def __init__(self, owned: DKV | DKO | DStream, name: str) -> None:
        self.changes: Signal[[C]] = Signal(f"changes of {name}")
        self.closed = owned.closed
        self._owned = owned

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up the structure, as its own ``close``."""
        self._disconnect()
        self.changes.clear()
        await self._owned.close()

    async def save(self) -> None:
        """Save as the structure does."""
        await self._owned.save()
