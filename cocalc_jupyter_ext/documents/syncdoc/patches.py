"""Patches and snapshots as they lie in the stream (syncdoc-jupyter §1.5).

A patch says what one user changed at one logical time, on top of which earlier patches. A
snapshot is the value of the document at the time of a patch; it decorates that patch and is no
patch itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from .utf16 import unit_count

__all__ = ["Patch", "PatchError", "Snapshot", "read_message", "to_message"]


_UNREAD: Final[Any] = None


class PatchError(ValueError):
    """A message in the stream is neither a patch nor a snapshot."""


@dataclass(frozen=True, slots=True, init=False)
class Patch:
    """One commit. ``time`` identifies it in its document; ``parents`` are times of others.

    ``changes`` is what the kind of document makes of it: hunks, or operations on records.
    ``wall_ms`` is for people only. ``size`` is the length of the serialised changes.
    ``unread`` is for a patch from a stream: the text of changes, which is read when these are
    asked for. Most of a long history is only listed.
    """

    time: int
    changes: list[Any]
    user_id: int
    parents: tuple[int, ...]
    version: int | None
    wall_ms: int | None
    size: int
    unread: object = field(repr=False, compare=False)

    def __init__(
        self,
        *,
        time: int,
        changes: list[Any] = _UNREAD,
        user_id: int,
        parents: tuple[int, ...] = (),
        version: int | None = None,
        wall_ms: int | None = None,
        size: int = 0,
        unread: object = "[]",
    ) -> None:
        # Written out, since it takes half the time that way, of which a long history needs much.
        put = object.__setattr__
        put(self, "time", time)
        put(self, "user_id", user_id)
        put(self, "parents", parents)
        put(self, "version", version)
        put(self, "wall_ms", wall_ms)
        put(self, "size", size)
        put(self, "unread", unread)
        if changes is not _UNREAD:
            put(self, "changes", changes)

    if not TYPE_CHECKING:  # or every name would be an attribute of a patch

        def __getattr__(self, name: str) -> Any:
            """Read the changes at the first look at them."""
            if name != "changes":
                raise AttributeError(name)
            changes = _read_changes(self.unread)
            object.__setattr__(self, "changes", changes)
            object.__setattr__(self, "unread", "[]")
            return changes

    @property
    def shown_ms(self) -> int:
        """When it was made, for people."""
        return self.time if self.wall_ms is None else self.wall_ms

    @property
    def order(self) -> tuple[int, int, int]:
        """What patches are sorted by (§1.8)."""
        return (self.time, self.version or 0, self.user_id)

    def is_same(self, other: "Patch", text: str | None = None) -> bool:
        """Return whether both are one commit; two commits may have got the same time.

        ``text`` is that of the changes, if it is known: reading those of the other takes a while
        where they are long.
        """
        if (self.user_id, self.parents) != (other.user_id, other.parents):
            return False
        return (text is not None and text == other.unread) or self.changes == other.changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The text of the document at the time of a patch.

    ``seq`` is the place of that patch in the stream, ``previous_seq`` that of the patch of the
    snapshot before.
    """

    time: int
    text: str
    user_id: int
    seq: int
    previous_seq: int | None = None


def read_message(message: object) -> Patch | Snapshot:
    """Return what a message of the stream holds; raises PatchError."""
    if not isinstance(message, Mapping):
        raise PatchError("a message of the patches stream must be an object")
    if message.get("is_snapshot"):
        return _read_snapshot(message)
    return _plain_patch(message) or _read_patch(message)


def to_message(item: Patch | Snapshot, *, has_format: bool = False) -> dict[str, Any]:
    """Return the message of a patch or snapshot; patches of records say their format."""
    if isinstance(item, Snapshot):
        return _snapshot_message(item)
    message: dict[str, Any] = {
        "time": item.time,
        "wall": item.shown_ms,
        "patch": _write_changes(item.changes),
        "user_id": item.user_id,
        "is_snapshot": False,
        "parents": list(item.parents),
        "version": item.version,
    }
    return {**message, "format": 1} if has_format else message


def _write_changes(changes: list[Any]) -> str:
    """Return the text that changes have in a message, compact as JavaScript writes it."""
    text = json.dumps(changes, ensure_ascii=False, separators=(",", ":"))
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # halves of characters are escaped, or nobody could send them
        return json.dumps(changes, separators=(",", ":"))
    return text


def _snapshot_message(snapshot: Snapshot) -> dict[str, Any]:
    place = {"seq": snapshot.seq}
    if snapshot.previous_seq is not None:
        place["prev_seq"] = snapshot.previous_seq
    return {
        "time": snapshot.time,
        "wall": snapshot.time,
        "is_snapshot": True,
        "snapshot": snapshot.text,
        "size": unit_count(snapshot.text),
        "user_id": snapshot.user_id,
        "seq_info": place,
    }


def _read_snapshot(message: Mapping[str, Any]) -> Snapshot:
    text, place = message.get("snapshot"), message.get("seq_info")
    if not isinstance(text, str) or not isinstance(place, Mapping):
        raise PatchError("a snapshot must hold its text and its place in the stream")
    previous = place.get("prev_seq")
    return Snapshot(
        time=_milliseconds(message.get("time")),
        text=text,
        user_id=_number(message.get("user_id", 0)),
        seq=_number(place.get("seq")),
        previous_seq=None if previous is None else _number(previous),
    )


def _plain_patch(message: Mapping[str, Any]) -> Patch | None:
    """Return the patch if it is as clients write it: most are, and are read in half the time."""
    get = message.get
    time, wall, text = get("time"), get("wall"), get("patch")
    user_id, parents, version = get("user_id"), get("parents"), get("version")
    if (
        type(time) is not int
        or type(wall) is not int
        or type(text) is not str
        or type(user_id) is not int
        or type(version) is not int
        or type(parents) is not list
    ):
        return None
    for parent in parents:
        if type(parent) is not int:
            return None
    return Patch(
        time=time,
        unread=text,
        user_id=user_id,
        parents=tuple(parents),
        version=version,
        wall_ms=wall,
        size=unit_count(text),
    )


def _read_patch(message: Mapping[str, Any]) -> Patch:
    text = message.get("patch", "[]")
    wall, version = message.get("wall"), message.get("version")
    return Patch(
        time=_milliseconds(message.get("time")),
        unread=text,
        user_id=_number(message.get("user_id", 0)),
        parents=_read_parents(message.get("parents")),
        version=None if version is None else _number(version),
        wall_ms=None if wall is None else _milliseconds(wall),
        size=unit_count(text) if isinstance(text, str) else 0,
    )


def _read_changes(text: object) -> list[Any]:
    """Return the changes; what cannot be read changes nothing, but keeps its place (§1.6)."""
    try:
        changes = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return []
    return changes if isinstance(changes, list) else []


def _read_parents(parents: object) -> tuple[int, ...]:
    if parents is None:
        return ()
    if not isinstance(parents, list):
        raise PatchError("the parents of a patch must be a list of times")
    return tuple(map(_milliseconds, parents))


def _milliseconds(value: object) -> int:
    """Return a logical time; old documents hold dates."""
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    return _number(value)


def _number(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise PatchError(f"{value!r} is not a whole number")
