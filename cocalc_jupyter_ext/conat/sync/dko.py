"""A shared map of objects whose fields are written one by one (conat-sync §4.3).

Writers of different fields of one object do not conflict. An update of several fields is not
atomic: others see one change per row.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from ..protocol.codec import UNDEFINED, Undefined
from ..signals import Signal
from .dko_rows import FieldRow, ObjectRow, field_key, parse
from .dkv import DKV
from .dkv_state import KeyChange, Rejection
from .equality import equal
from .errors import NotAnObject

__all__ = ["DKO", "FieldName", "ObjectChange", "ObjectRejection"]


@dataclass(frozen=True, slots=True)
class FieldName:
    """A field of an object."""

    key: str
    field: str


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """An object came, went or got other fields (no ``field``), or a field has a new value.

    ``value`` is None for a field that is gone.
    """

    key: str
    field: str | None = None
    value: Any = UNDEFINED


@dataclass(frozen=True, slots=True)
class ObjectRejection:
    """The server refuses a row for good; it is dropped."""

    key: str
    field: str | None
    value: Any
    error: Exception


class DKO:
    """A map from texts to objects; open it with ``open_dko``. It owns ``dkv``, its rows."""

    def __init__(self, dkv: DKV) -> None:
        self.dkv = dkv
        self.changes: Signal[[ObjectChange]] = Signal(f"changes of {dkv.name}")
        self.rejects: Signal[[ObjectRejection]] = Signal(f"rejects of {dkv.name}")
        self._disconnect: tuple[Callable[[], None], ...] = (
            dkv.changes.connect(self._on_change),
            dkv.rejects.connect(self._on_reject),
            dkv.closed.connect(self._end),
        )
        self.references = 1
        self.closed: Signal[[]] = Signal(f"closing of {dkv.name}")
        self.stable = dkv.stable

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up one's hold, as ``Structure.close``; the last holder ends it."""
        if self.references == 0:
            return
        self.references -= 1
        if self.references == 0:
            await self.dkv.close()
            self._end()

    # Write

    def set(self, key: str, value: Mapping[str, Any] | Undefined | None) -> None:
        """Write an object: only the fields that differ are sent. None deletes it.

        Raises NotAnObject. The rows of fields that the object had before and has no more stay.
        A field that reads as None because it has not arrived yet is not overwritten by that.
        """
        if value is None or value is UNDEFINED:
            self.delete(key)
            return
        if not isinstance(value, Mapping):
            raise NotAnObject(key, value)
        named = self._fields(key) or ()
        if not equal(self._row(key), list(value)):
            self.dkv.set(key, list(value))
        for field, field_value in value.items():
            row = field_key(key, field)
            is_arriving = field_value is None and field in named and row not in self.dkv
            if not is_arriving and not equal(self._row(row), field_value):
                self.dkv.set(row, field_value)

    def delete(self, key: str) -> None:
        """Delete an object and its fields; one that does not exist is no error."""
        fields = self._fields(key)
        if fields is None:
            return
        self.dkv.delete(key)
        for field in fields:
            self.dkv.delete(field_key(key, field))

    def clear(self) -> None:
        """Delete everything."""
        self.dkv.clear()

    def __setitem__(self, key: str, value: Mapping[str, Any]) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.delete(key)

    async def save(self) -> None:
        """Save as ``DKV.save`` does."""
        await self.dkv.save()

    # Read

    def get(self, key: str, default: Any = None) -> Any:
        """Return an object with the fields it has; a field that has not arrived yet is None."""
        fields = self._fields(key)
        if fields is None:
            return default
        return {field: self.dkv.get(field_key(key, field)) for field in fields}

    def __getitem__(self, key: str) -> dict[str, Any]:
        value = self.get(key, UNDEFINED)
        if value is UNDEFINED:
            raise KeyError(key)
        return dict(value)

    def get_all(self) -> dict[str, Any]:
        """Return all objects with the fields they have."""
        return {key: self.get(key) for key in self}

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._fields(key) is not None

    def __iter__(self) -> Iterator[str]:
        """Yield the keys of all objects.

        One without fields whose key is the JSON text of two texts is left out: it looks like a
        field of another object.
        """
        keys = dict.fromkeys(parse(row).key for row in self.dkv)
        return (key for key in keys if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def has_unsaved_changes(self) -> bool:
        """Return whether a row is not acknowledged yet."""
        return self.dkv.has_unsaved_changes()

    def unsaved_changes(self) -> list[FieldName]:
        """Return the fields that are not acknowledged yet."""
        rows = map(parse, self.dkv.unsaved_changes())
        return [FieldName(row.key, row.field) for row in rows if isinstance(row, FieldRow)]

    def is_stable(self) -> bool:
        """Return whether everything written has come back from the server."""
        return self.dkv.is_stable()

    def _row(self, row: str) -> Any:
        return self.dkv.get(row, UNDEFINED)

    def _fields(self, key: str) -> list[str] | None:
        """Return the names of an object's fields; None when it does not exist."""
        fields = self._row(key)
        return [str(field) for field in fields] if isinstance(fields, list | tuple) else None

    # What the rows tell

    def _on_change(self, change: KeyChange) -> None:
        place = parse(change.key)
        if isinstance(place, ObjectRow):
            self.changes.emit(ObjectChange(place.key))
        else:
            self.changes.emit(ObjectChange(place.key, place.field, change.value))

    def _on_reject(self, rejection: Rejection) -> None:
        place = parse(rejection.key)
        field = place.field if isinstance(place, FieldRow) else None
        self.rejects.emit(ObjectRejection(place.key, field, rejection.value, rejection.error))

    def _end(self) -> None:
        """Tell the end once, also when others still hold the rows."""
        self.references = 0
        self.closed.emit()
        for disconnect in self._disconnect:
            disconnect()
        for signal in (self.changes, self.rejects, self.closed):
            signal.clear()
