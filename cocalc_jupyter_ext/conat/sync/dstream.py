"""A shared log: writing is immediate, saving happens in the background (conat-sync §4.1).

What one reads is the server's messages, then those it has acknowledged but not yet told, then
those on their way.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, overload

from ..errors import ConatError
from ..persist.config import StreamConfig
from ..persist.messages import Inventory
from ..protocol.codec import UNDEFINED
from ..signals import Signal
from ..types import JsonObject, MakeId
from .core_stream import CoreStream
from .dstream_state import DStreamState, Refusal, Saved
from .entry import Entry
from .errors import NothingSelected, UndefinedValue
from .inventory_updates import InventoryUpdates
from .message_ids import MessageIds
from .replica import Change
from .saver import Pass
from .structure import Structure
from .times import datetime_from_ms

__all__ = ["DStream"]


class DStream(Structure):
    """A list of messages that everybody appends to; open it with ``open_dstream``.

    ``changes`` tells value and number of each message that comes from the server, one's own
    included; ``rejects`` what the server refuses for good and what is therefore dropped;
    ``stable`` that everything written has come back. Values that are read are shared: do not
    change them.
    """

    def __init__(
        self, core: CoreStream, make_id: MakeId, updates: InventoryUpdates | None = None
    ) -> None:
        super().__init__(core, updates)
        self.changes: Signal[[Any, int]] = Signal(f"changes of {core.name}")
        self.rejects: Signal[[Refusal]] = Signal(f"rejects of {core.name}")
        self._state = DStreamState(MessageIds(make_id))
        core.changes.connect(self._on_change)

    # Write

    def publish(
        self, value: Any, *, headers: JsonObject | None = None, ttl_ms: float | None = None
    ) -> None:
        """Append a message; it is sent in the background, or by ``save``.

        Raises CodecError for what cannot be sent, UndefinedValue for UNDEFINED, LimitExceeded
        when too much is unsaved already.
        """
        self._check_open()
        if value is UNDEFINED:
            raise UndefinedValue
        self._state.add(value, headers, ttl_ms)
        self._written()

    def push(self, *values: Any) -> None:
        """Append several messages."""
        for value in values:
            self.publish(value)

    async def save(self) -> None:
        """Return when the server has acknowledged everything; failures are tried again."""
        self._check_open()
        await self._saver.save()

    async def delete(
        self,
        *,
        all: bool = False,  # noqa: A002 - the name of the contract
        last_index: int | None = None,
        last_seq: int | None = None,
        seq: int | None = None,
        seqs: Sequence[int] | None = None,
    ) -> list[int]:
        """Save, and then delete for everybody; return the numbers that went (§3.6).

        ``last_index`` and ``last_seq`` delete everything up to and including that message.
        """
        await self.save()
        if last_index is not None:
            last_seq = self._seq_up_to(last_index)
            if last_seq == 0:
                return []
        if not all and last_seq is None and seq is None and seqs is None:
            raise NothingSelected
        return await self._core.delete(all=all, last_seq=last_seq, seq=seq, seqs=seqs)

    async def load(self, start_seq: int = 0, *, emit: bool = True) -> None:
        """Load older messages too, down to ``start_seq``; each is told as a change."""
        self._check_open()
        await self._core.load_older(start_seq, emit=emit)

    async def catch_up(self) -> None:
        """Return when all is here that the server held when this was called, or at closing."""
        self._check_open()
        stored = await self._core.inventory()
        await self._until(lambda: self._core.has_seen(stored.seq))

    async def config(self, wanted: Mapping[str, object] | None = None) -> StreamConfig:
        """Change the given settings of the stream; return all that are in force (§2.6)."""
        self._check_open()
        return await self._core.config(wanted)

    async def inventory(self) -> Inventory:
        """Return what the server holds."""
        self._check_open()
        return await self._core.inventory()

    # Read

    def __len__(self) -> int:
        self._check_open()
        return len(self._core.replica) + len(self._state)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        """Return a value, or a list of values; raises IndexError as lists do."""
        self._check_open()
        if isinstance(index, slice):
            return self.get_all()[index]
        mirrored = self._core.replica.entries
        if index < 0 and (index := index + len(self)) < 0:
            raise IndexError("index out of range")
        if index < len(mirrored):
            return mirrored[index].value
        return self._unmirrored()[index - len(mirrored)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.get_all())

    def get(self, index: int, default: Any = None) -> Any:
        """Return the value at an index, or ``default`` where there is none."""
        try:
            return self[index]
        except IndexError:
            return default

    def get_all(self) -> list[Any]:
        """Return all values."""
        self._check_open()
        return [*(entry.value for entry in self._core.replica.entries), *self._unmirrored()]

    def seq(self, index: int) -> int | None:
        """Return the number of a message; None while it is not acknowledged."""
        message = self._acknowledged(index)
        return None if message is None else message.seq

    def seqs(self) -> list[int]:
        """Return the numbers of all messages that are acknowledged."""
        self._check_open()
        mirrored = [entry.seq for entry in self._core.replica.entries]
        return mirrored + [saved.seq for saved in self._state.saved]

    def time(self, index: int) -> datetime | None:
        """Return when the server stored a message; None while it is not acknowledged."""
        message = self._acknowledged(index)
        return None if message is None else datetime_from_ms(message.time_ms)

    def times(self) -> list[datetime | None]:
        """Return when the server stored each message."""
        return [self.time(index) for index in range(len(self))]

    def headers(self, index: int) -> JsonObject | None:
        """Return the headers of a message; None while it is not acknowledged, or has none."""
        message = self._acknowledged(index)
        return None if message is None else message.headers

    def _acknowledged(self, index: int) -> Entry | Saved | None:
        """Return the message at an index, counted from the end if negative."""
        index += len(self) if index < 0 else 0
        mirrored = self._core.replica.entries
        if 0 <= index < len(mirrored):
            return mirrored[index]
        saved = self._state.saved
        return saved[index - len(mirrored)] if 0 <= index < len(mirrored) + len(saved) else None

    @property
    def start_seq(self) -> int | None:
        """From which number on the stream is held; None for all of it."""
        return self._core.replica.start_seq

    def unsaved_changes(self) -> list[Any]:
        """Return the values that are not acknowledged yet."""
        self._check_open()
        return self._state.local

    # For the base class

    async def _save_pass(self) -> Pass:
        failure: ConatError | None = None
        async for message, result in self._core.publish_many(self._state.batch()):
            refusal = self._state.result(message, result, self._core.has_seen, self._core.epoch)
            if refusal is not None:
                self.rejects.emit(refusal)
            elif isinstance(result, ConatError):
                failure = failure or result
        self._tell_stability()
        if failure is not None:
            raise failure
        return Pass.COMPLETE

    def _has_unsaved(self) -> bool:
        return self._state.has_local

    def _settle(self) -> None:
        self._state.settle(self._core.has_seen, self._core.epoch)

    def _is_settled(self) -> bool:
        return self._state.is_empty

    def _forget(self) -> None:
        self._state.clear()
        self.changes.clear()
        self.rejects.clear()

    def _on_change(self, change: Change) -> None:
        if change.entry is None:
            return
        self._state.echoed(change.msg_id)
        self._was_stable = False
        self.changes.emit(change.value, change.seq)

    def _unmirrored(self) -> list[Any]:
        return [*(saved.value for saved in self._state.saved), *self._state.local]

    def _seq_up_to(self, last_index: int) -> int:
        """Return the number at an index; beyond the end the last one, before the start 0."""
        numbers = self.seqs()
        return numbers[min(last_index, len(numbers) - 1)] if last_index >= 0 and numbers else 0
