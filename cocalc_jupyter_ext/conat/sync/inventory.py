"""The list of an owner's stores, itself a shared map (conat-sync §4.7)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias

from ..errors import CodecError
from ..persist.messages import Inventory as Totals
from ..protocol.codec import from_json, to_json
from ..types import JsonValue
from .dkv import DKV

__all__ = ["INVENTORY_NAME", "Inventory", "Kind", "StoreEntry"]

INVENTORY_NAME: Final = "CoCalc-Inventory"

Kind: TypeAlias = Literal["stream", "kv"]


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """What is known of a store; times are Unix times in milliseconds."""

    name: str
    kind: str
    created: float = 0
    last: float = 0
    bytes: int = 0
    count: int = 0
    seq: int = 0
    limits: JsonValue = None
    desc: JsonValue = None


class Inventory:
    """The stores of an owner; open it with ``open_inventory``. It owns its map."""

    def __init__(self, dkv: DKV) -> None:
        self._dkv = dkv

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up the list, as ``DKV.close``."""
        await self._dkv.close()

    async def save(self) -> None:
        """Save as ``DKV.save`` does."""
        await self._dkv.save()

    def set(
        self, name: str, kind: Kind, totals: Totals, *, now_ms: float, desc: JsonValue = None
    ) -> None:
        """Bring an entry up to date; when it was created, and a description, are kept."""
        known = self._entry(name, kind) or {}
        self._dkv.set(
            _key(name, kind),
            {
                "desc": known.get("desc") if desc is None else desc,
                "last": now_ms,
                "created": known.get("created", now_ms),
                "bytes": totals.bytes,
                "count": totals.count,
                "limits": totals.limits,
                "seq": totals.seq,
            },
        )

    def get(self, name: str, kind: Kind | None = None) -> StoreEntry | None:
        """Return an entry; without a kind that of the map, or else of the stream."""
        kinds: tuple[Kind, ...] = ("kv", "stream") if kind is None else (kind,)
        for each in kinds:
            entry = self._entry(name, each)
            if entry is not None:
                return _store_entry(name, each, entry)
        return None

    def delete(self, name: str, kind: Kind) -> None:
        """Take a store off the list; its data stay."""
        self._dkv.delete(_key(name, kind))

    def get_all(self, *, text: str = "", sort: str = "-last") -> list[StoreEntry]:
        """Return the entries whose name or description contains ``text``, in any case.

        ``sort`` is last, created, count, bytes, name or kind; with ``-`` in front the other way.
        Raises ValueError for anything else.
        """
        by = sort.removeprefix("-")
        if by not in ("last", "created", "count", "bytes", "name", "kind"):
            raise ValueError(f"cannot sort by {by!r}")
        found = [each for each in self._entries() if _contains(each, text.lower())]
        return sorted(found, key=lambda each: getattr(each, by), reverse=sort.startswith("-"))

    def table(self, entries: Iterable[StoreEntry] | None = None) -> str:
        """Return the entries, by default all, as lines of text."""
        rows = [
            f"{each.kind:<6}  {each.count:>8}  {each.bytes:>12}  {each.name}"
            for each in (self.get_all() if entries is None else entries)
        ]
        return "\n".join([f"{'type':<6}  {'count':>8}  {'bytes':>12}  name", *rows])

    def _entry(self, name: str, kind: Kind) -> dict[str, Any] | None:
        entry = self._dkv.get(_key(name, kind))
        return entry if isinstance(entry, dict) else None

    def _entries(self) -> Iterator[StoreEntry]:
        for key, entry in self._dkv.get_all().items():
            place = _place(key)
            if place is not None and isinstance(entry, dict):
                yield _store_entry(place["name"], place["type"], entry)


def _key(name: str, kind: str) -> str:
    return to_json({"name": name, "type": kind})


def _place(key: str) -> dict[str, str] | None:
    """Return what a key of the map says; None for one that others wrote in another form."""
    try:
        place = from_json(key)
    except CodecError:
        return None
    is_place = isinstance(place, dict) and all(
        isinstance(place.get(part), str) for part in ("name", "type")
    )
    return place if is_place else None


def _store_entry(name: str, kind: str, entry: dict[str, Any]) -> StoreEntry:
    numbers = {
        part: entry[part] if isinstance(entry.get(part), int | float) else 0
        for part in ("created", "last", "bytes", "count", "seq")
    }
    return StoreEntry(name, kind, **numbers, limits=entry.get("limits"), desc=entry.get("desc"))


def _contains(entry: StoreEntry, text: str) -> bool:
    return text in f"{to_json(entry.desc)} {entry.name}".lower()
