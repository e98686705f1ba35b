"""The commands of a persist socket as values, and their replies (conat-sync §1.4, §1.5).

Parameters travel in headers, user data in the payload. Reading raises StoreError for values
that make no sense, RemoteError with code 404 for a command that does not exist.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ...client.subscription import Message
from ...errors import ConatError, RemoteError, to_wire
from ..access import StorageOptions
from ..errors import StoreError
from ..messages import NewMessage, StoredMessage
from ..wire import message_from_headers, new_message_from_wire, optional, sequence_of

__all__ = [
    "DEFAULT_WAIT_S",
    "Command",
    "Config",
    "Delete",
    "Get",
    "GetAll",
    "Keys",
    "Reply",
    "Selection",
    "ServerId",
    "Set",
    "SetMany",
    "Sqlite",
    "StartChangefeed",
    "TakeInventory",
    "failure",
    "found",
    "parse_command",
    "parse_selection",
    "wait_s_of",
]

DEFAULT_WAIT_S: Final = 30.0
"""How long a command waits for its stream to be open, unless it says how long (§1.4)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The first data of a socket: which stream, and whether its changes are wanted."""

    storage: StorageOptions
    changefeed: bool = False


@dataclass(frozen=True, slots=True)
class Set:
    """Store one message."""

    message: NewMessage


@dataclass(frozen=True, slots=True)
class SetMany:
    """Store messages; an item that makes no sense is the error to answer for it."""

    items: Sequence[NewMessage | StoreError]


@dataclass(frozen=True, slots=True)
class Get:
    """Return one message; the number wins."""

    seq: int | None
    key: str | None


@dataclass(frozen=True, slots=True)
class GetAll:
    """Return messages, in batches."""

    start_seq: int | None
    end_seq: int | None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete by the first selector that is set."""

    all: bool
    last_seq: int | None
    seq: int | None
    seqs: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Config:
    """Change the configuration, or only return it."""

    wanted: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class TakeInventory:
    """Return how much there is."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Return the keys."""


@dataclass(frozen=True, slots=True)
class StartChangefeed:
    """Tell this socket of all changes from now on."""


@dataclass(frozen=True, slots=True)
class ServerId:
    """Return the id of the server."""


@dataclass(frozen=True, slots=True)
class Sqlite:
    """Run SQL; switched off."""


Command: TypeAlias = (
    Set
    | SetMany
    | Get
    | GetAll
    | Delete
    | Config
    | TakeInventory
    | Keys
    | StartChangefeed
    | ServerId
    | Sqlite
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What answers a command; ``raw`` is a payload that is encoded already."""

    value: object = None
    raw: bytes | None = None
    encoding: int = 0
    headers: dict[str, Any] | None = None


def parse_selection(value: object) -> Selection:
    """Return what a client selects; fields that clients have no say in are ignored (§1.4)."""
    storage = value.get("storage") if isinstance(value, dict) else None
    path = storage.get("path") if isinstance(storage, dict) else None
    if not isinstance(value, dict) or not isinstance(storage, dict) or not isinstance(path, str):
        msg = "the first message must select a stream: {storage: {path}, changefeed}"
        raise StoreError(msg)
    options = StorageOptions(
        path, ephemeral=bool(storage.get("ephemeral")), sync=bool(storage.get("sync"))
    )
    return Selection(options, changefeed=bool(value.get("changefeed")))


def parse_command(request: Message) -> Command:
    """Return what a request asks for."""
    headers = request.headers if isinstance(request.headers, dict) else {}
    name = headers.get("cmd")
    reader = _READERS.get(name) if isinstance(name, str) else None
    if reader is None:
        msg = f"unknown command '{name}'"
        raise RemoteError(msg, 404)
    return reader(headers, request)


def wait_s_of(request: Message) -> float:
    """Return how long the command may wait for its stream, in seconds."""
    headers = request.headers if isinstance(request.headers, dict) else {}
    timeout_ms = headers.get("timeout")
    if isinstance(timeout_ms, int | float) and timeout_ms > 0:
        return timeout_ms / 1000
    return DEFAULT_WAIT_S


def found(message: StoredMessage | None) -> Reply:
    """Return the answer to ``get``; one without headers means that there is nothing."""
    if message is None:
        return Reply()
    headers: dict[str, Any] = dict(message.headers or {})
    headers |= {"seq": message.seq, "time": message.time_ms}
    # A user header of this name would pass for the key of a message that has none.
    headers.pop("key", None)
    if message.key is not None:
        headers["key"] = message.key
    return Reply(raw=message.raw, encoding=message.encoding, headers=headers)


def failure(error: ConatError) -> Reply:
    """Return the answer to a command that failed (§0)."""
    return Reply(headers=dict(to_wire(error)))


def _set_many(_headers: Mapping[str, Any], request: Message) -> SetMany:
    return SetMany([_item(each) for each in sequence_of(request.data, "the payload of setMany")])


def _item(operation: object) -> NewMessage | StoreError:
    try:
        return new_message_from_wire(operation)
    except StoreError as error:
        return error


def _delete(headers: Mapping[str, Any], _request: Message) -> Delete:
    return Delete(
        all=bool(headers.get("all")),
        last_seq=optional(headers, "last_seq", int),
        seq=optional(headers, "seq", int),
        seqs=_numbers(optional(headers, "seqs", list)),
    )


def _numbers(values: list[Any] | None) -> list[int] | None:
    if values is None:
        return None
    numbers = [optional({"seqs": value}, "seqs", int) for value in values]
    if None in numbers:
        raise StoreError("'seqs' must hold integers")
    return [number for number in numbers if number is not None]


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], Message], Command]]] = {
    "set": lambda headers, request: Set(
        message_from_headers(headers, request.raw, request.encoding)
    ),
    "setMany": _set_many,
    "get": lambda headers, _: Get(
        optional(headers, "seq", int) or None, optional(headers, "key", str)
    ),
    "getAll": lambda headers, _: GetAll(
        optional(headers, "start_seq", int), optional(headers, "end_seq", int)
    ),
    "delete": _delete,
    "config": lambda headers, _: Config(optional(headers, "config", dict)),
    "inventory": lambda *_: TakeInventory(),
    "keys": lambda *_: Keys(),
    "changefeed": lambda *_: StartChangefeed(),
    "serverId": lambda *_: ServerId(),
    "sqlite": lambda *_: Sqlite(),
}
