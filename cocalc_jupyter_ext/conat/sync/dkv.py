"""A shared map: reading and writing are immediate, saving happens in the background (§4.2).

What one reads is the server's map, covered by one's own writes until they have come back.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any

from ..errors import ConatError
from ..persist.config import StreamConfig
from ..persist.messages import Inventory
from ..protocol.codec import UNDEFINED
from ..signals import Signal
from ..types import JsonObject, MakeId
from .core_stream import CoreStream
from .dkv_state import DECISIONS, DkvState, KeyChange, Rejection
from .inventory_updates import InventoryUpdates
from .merge import Merge
from .message_ids import MessageIds
from .replica import Change
from .saver import Pass
from .stats import Stats, stats_of
from .structure import Structure
from .times import datetime_from_ms

__all__ = ["DKV"]


class DKV(Structure, MutableMapping[str, Any]):
    """A map from texts to values; open it with ``open_dkv``.

    ``changes`` tells each change of a key that comes from the server, one's own included;
    ``rejects`` what the server refuses for good and what is therefore dropped; ``stable`` that
    everything written has come back. None is a value like others. Values that are read are
    shared: do not change them, set new ones.
    """

    __hash__ = object.__hash__

    def __init__(
        self,
        core: CoreStream,
        make_id: MakeId,
        *,
        merge: Merge | None = None,
        updates: InventoryUpdates | None = None,
    ) -> None:
        super().__init__(core, updates)
        self.changes: Signal[[KeyChange]] = Signal(f"changes of {core.name}")
        self.rejects: Signal[[Rejection]] = Signal(f"rejects of {core.name}")
        self._state = DkvState(lambda: core.replica.live, MessageIds(make_id), merge)
        core.changes.connect(self._on_change)

    def __eq__(self, other: object) -> bool:
        return self is other

    # Write

    def set(self, key: str, value: Any, *, headers: JsonObject | None = None) -> None:
        """Write a key; UNDEFINED deletes it. It is sent in the background, or by ``save``.

        Raises CodecError for what cannot be sent, LimitExceeded when too much is unsaved.
        """
        self._check_open()
        if value is UNDEFINED:
            self._state.delete(key)
        else:
            self._state.set(key, value, headers)
        self._written()

    def set_many(self, values: Mapping[str, Any]) -> None:
        """Write several keys."""
        for key, value in values.items():
            self.set(key, value)

    def delete(self, key: str) -> None:
        """Delete a key; one that does not exist is no error."""
        self.set(key, UNDEFINED)

    def clear(self) -> None:
        """Delete all keys, also those that only exist here so far."""
        for key in list(self):
            self.delete(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.delete(key)

    async def save(self) -> None:
        """Save, and wait until what was saved has come back, so that all readings agree.

        With autosave failures are tried again until nothing is unsaved. Without, exactly one
        attempt is made and its failure is raised; a write that conflicts with one that is not
        known here yet stays unsaved.
        """
        self._check_open()
        if self._saver.is_automatic:
            await self._saver.save()
        else:
            await self._saver.save_once()
        await self._echoes()

    async def config(self, wanted: Mapping[str, object] | None = None) -> StreamConfig:
        """Change the given settings of the stream; return all that are in force (§2.6)."""
        self._check_open()
        return await self._core.config(wanted)

    async def inventory(self) -> Inventory:
        """Return what the server holds, deleted keys included for a day."""
        self._check_open()
        return await self._core.inventory()

    # Read

    def __getitem__(self, key: str) -> Any:
        self._check_open()
        value = self._state.value(key)
        if value is UNDEFINED:
            raise KeyError(key)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or ``default`` when it has none."""
        self._check_open()
        value = self._state.value(key)
        return default if value is UNDEFINED else value

    def get_all(self) -> dict[str, Any]:
        """Return all keys with their values."""
        return {key: self[key] for key in self}

    def __contains__(self, key: object) -> bool:
        self._check_open()
        return isinstance(key, str) and self._state.has(key)

    def __iter__(self) -> Iterator[str]:
        self._check_open()
        return self._state.keys()

    def __len__(self) -> int:
        self._check_open()
        return len(self._state)

    def seq(self, key: str) -> int | None:
        """Return the number the server gave the key's last write; None for one it lacks."""
        self._check_open()
        entry = self._core.replica.live.get(key)
        return None if entry is None else entry.seq

    def time(self, key: str) -> datetime | None:
        """Return when the server stored the key's value; None for one it lacks."""
        self._check_open()
        entry = self._core.replica.live.get(key)
        return None if entry is None else datetime_from_ms(entry.time_ms)

    def times(self) -> dict[str, datetime]:
        """Return for each key that the server has when it was stored."""
        self._check_open()
        live = self._core.replica.live
        return {key: datetime_from_ms(entry.time_ms) for key, entry in live.items()}

    def headers(self, key: str) -> JsonObject | None:
        """Return the headers of a key, those of an unsaved write first."""
        self._check_open()
        write = self._state.writes.get(key)
        if write is not None:
            return None if write.is_deletion else write.message.headers
        entry = self._core.replica.live.get(key)
        return None if entry is None else entry.headers

    def stats(self) -> Stats:
        """Return how much the mirror holds, deleted keys included."""
        self._check_open()
        return stats_of(self._core.replica)

    def unsaved_changes(self) -> list[str]:
        """Return the keys with a write that is not acknowledged yet."""
        self._check_open()
        return self._state.unsaved

    # For the base class

    async def _save_pass(self) -> Pass:
        failure: ConatError | None = None
        messages = self._state.batch()
        self._tell_corrections()
        async for message, result in self._core.publish_many(messages):
            rejection = self._state.result(message, result, self._core.has_seen, self._core.epoch)
            if rejection is not None:
                self.rejects.emit(rejection)
            if isinstance(result, ConatError) and result.code not in DECISIONS:
                failure = failure or result
        self._tell_corrections()
        self._tell_stability()
        if failure is not None:
            raise failure
        return Pass.BLOCKED if self._state.is_blocked else Pass.COMPLETE

    async def _echoes(self) -> None:
        """Wait for the echo of what is acknowledged now."""
        core, epoch = self._core, self._core.epoch
        receipts = [each.receipt for each in self._state.writes.values() if each.receipt]
        last_seq = max((receipt.seq for receipt in receipts), default=0)
        if last_seq:
            await self._until(lambda: core.epoch != epoch or core.has_seen(last_seq))

    def _has_unsaved(self) -> bool:
        return self._state.has_unsaved

    def _settle(self) -> None:
        self._state.settle(self._core.has_seen, self._core.epoch)
        self._tell_corrections()

    def _is_settled(self) -> bool:
        return not self._state.writes

    def _forget(self) -> None:
        self._state.clear()
        self.changes.clear()
        self.rejects.clear()

    def _tell_corrections(self) -> None:
        for correction in self._state.take_corrections():
            self.changes.emit(correction)

    def _on_change(self, change: Change) -> None:
        if change.key is None:
            return
        self._tell_corrections()  # They are older than what comes now.
        told = self._state.incoming(change, change.key)
        if self._state.has_unsaved:
            self._saver.request()  # Merging may have made a new write.
        self.changes.emit(told)
