"""The values of a stream as they travel: maps for MessagePack, and headers (conat-sync §1.5, §1.6).

Entries stand in the order in which the original writes them, and what is not set is left out.
Reading raises StoreError for values of the wrong type; null means not set.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from ..errors import ERROR_PREFIX, ConatError, RemoteError, from_wire, to_wire
from .config import StreamConfig
from .errors import Rejected, StoreError, WrongLastSequence
from .messages import Deleted, Inventory, NewMessage, Receipt, Stored, StoredMessage, Update

__all__ = [
    "REJECT",
    "WRONG_LAST_SEQUENCE",
    "config_from_wire",
    "error_from_wire",
    "inventory_from_wire",
    "inventory_to_wire",
    "message_from_headers",
    "message_to_headers",
    "new_message_from_wire",
    "new_message_to_wire",
    "optional",
    "outcome_from_wire",
    "outcome_to_wire",
    "receipt_from_wire",
    "sequence_of",
    "stored_from_wire",
    "stored_to_wire",
    "update_from_wire",
    "update_to_wire",
]

REJECT: Final = "reject"
WRONG_LAST_SEQUENCE: Final = "wrong-last-sequence"

T = TypeVar("T")


def optional(fields: Mapping[str, Any], name: str, *kinds: type[T]) -> T | None:
    """Return an entry, or None where it is absent or null.

    Integral floats pass as integers. Raises StoreError for any other type.
    """
    value = fields.get(name)
    if value is None or type(value) in kinds:
        return value
    if int in kinds and isinstance(value, float) and value.is_integer():
        value = int(value)
    # In Python a truth value is an integer; nothing here counts truth.
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        msg = f"'{name}' must be of type {names}, not {type(value).__name__}"
        raise StoreError(msg)
    return value


def _required(fields: Any, name: str, *kinds: type[T]) -> T:
    if not isinstance(fields, Mapping):
        msg = f"expected a map with '{name}', not {type(fields).__name__}"
        raise StoreError(msg)
    value = optional(fields, name, *kinds)
    if value is None:
        msg = f"'{name}' is missing"
        raise StoreError(msg)
    return value


# Messages to be stored


def _options_of(message: NewMessage) -> dict[str, Any]:
    options = {
        "key": message.key,
        "ttl": message.ttl_ms,
        "previousSeq": message.previous_seq,
        "msgID": message.msg_id,
    }
    return {name: value for name, value in options.items() if value is not None}


def message_to_headers(message: NewMessage) -> dict[str, Any]:
    """Return the headers of a ``set`` request, without ``cmd``."""
    headers = {} if message.headers is None else {"headers": dict(message.headers)}
    return {**headers, **_options_of(message)}


def message_from_headers(fields: Mapping[str, Any], raw: bytes, encoding: int) -> NewMessage:
    """Return what the headers and the payload of a ``set`` request ask to store."""
    return NewMessage(
        raw=raw,
        encoding=encoding,
        headers=optional(fields, "headers", dict),
        key=optional(fields, "key", str),
        ttl_ms=optional(fields, "ttl", int, float),
        previous_seq=optional(fields, "previousSeq", int),
        msg_id=optional(fields, "msgID", str),
    )


def new_message_to_wire(message: NewMessage) -> dict[str, Any]:
    """Return an operation of ``setMany``."""
    data: dict[str, Any] = {"encoding": message.encoding, "raw": message.raw}
    if message.headers is not None:
        data["headers"] = dict(message.headers)
    return {**_options_of(message), "messageData": data}


def new_message_from_wire(operation: Any) -> NewMessage:
    """Return what an operation of ``setMany`` asks to store."""
    data: dict[str, Any] = _required(operation, "messageData", dict)
    fields = {**operation, "headers": data.get("headers")}
    return message_from_headers(
        fields, _required(data, "raw", bytes), _required(data, "encoding", int)
    )


# Messages that are stored


def stored_to_wire(message: StoredMessage) -> dict[str, Any]:
    """Return a stored message as ``getAll`` and changefeeds send it (§2.3)."""
    wire: dict[str, Any] = {"seq": message.seq, "time": message.time_ms}
    if message.key is not None:
        wire["key"] = message.key
    wire |= {"encoding": message.encoding, "raw": message.raw}
    if message.headers is not None:
        wire["headers"] = message.headers
    return wire


def stored_from_wire(wire: Any) -> StoredMessage:
    """Return the message; times are rounded to milliseconds."""
    return _plain_stored(wire) or StoredMessage(
        seq=_required(wire, "seq", int),
        time_ms=round(_required(wire, "time", int, float)),
        raw=_required(wire, "raw", bytes),
        encoding=_required(wire, "encoding", int),
        key=optional(wire, "key", str),
        headers=optional(wire, "headers", dict),
    )


def _plain_stored(wire: Any) -> StoredMessage | None:
    """Return the message if all types are the usual ones: a stream is loaded twice as fast."""
    if type(wire) is not dict:
        return None
    get = wire.get
    seq, time, raw, encoding = get("seq"), get("time"), get("raw"), get("encoding")
    key, headers = get("key"), get("headers")
    if (
        type(seq) is int
        and type(time) is int
        and type(raw) is bytes
        and type(encoding) is int
        and (key is None or type(key) is str)
        and (headers is None or type(headers) is dict)
    ):
        return StoredMessage(seq, time, raw, encoding, key, headers)
    return None


def update_to_wire(update: Update) -> dict[str, Any]:
    """Return an event of a changefeed."""
    if isinstance(update, Deleted):
        return {"op": "delete", "seqs": list(update.seqs)}
    wire = stored_to_wire(update.message)
    if update.msg_id is not None:
        wire["msgID"] = update.msg_id
    return wire


def update_from_wire(wire: Any) -> Update:
    """Return what an event of a changefeed tells."""
    if isinstance(wire, Mapping) and wire.get("op") == "delete":
        return Deleted(_required(wire, "seqs", list))
    return Stored(stored_from_wire(wire), optional(wire, "msgID", str))


# Results


def outcome_to_wire(outcome: Receipt | ConatError) -> dict[str, Any]:
    """Return what happened to one message: ``{time, seq}``, or ``{error, code}``."""
    if isinstance(outcome, ConatError):
        return dict(to_wire(outcome))
    return {"time": outcome.time_ms, "seq": outcome.seq}


def outcome_from_wire(wire: Any, message: NewMessage) -> Receipt | ConatError:
    """Return what happened to ``message``."""
    if isinstance(wire, Mapping) and wire.get("error"):
        return error_from_wire(wire, message)
    return receipt_from_wire(wire)


def receipt_from_wire(wire: Any) -> Receipt:
    """Return the number and the time of a message that was stored."""
    return Receipt(
        seq=_required(wire, "seq", int), time_ms=round(_required(wire, "time", int, float))
    )


def error_from_wire(wire: Mapping[str, Any], message: NewMessage | None = None) -> ConatError:
    """Return the error of ``{error, code}``; of refusals of a message those of this package."""
    error: RemoteError = from_wire(wire)
    if error.code == REJECT:
        return Rejected(str(error).removeprefix(ERROR_PREFIX))
    previous = None if message is None else message.previous_seq
    if error.code == WRONG_LAST_SEQUENCE and previous is not None:
        return WrongLastSequence(previous, None)
    return error


def inventory_to_wire(inventory: Inventory) -> dict[str, Any]:
    """Return the reply of ``inventory`` (§2.9)."""
    return {
        "bytes": inventory.bytes,
        "count": inventory.count,
        "limits": inventory.limits,
        "seq": inventory.seq,
    }


def inventory_from_wire(wire: Any) -> Inventory:
    """Return what a stream holds."""
    limits: dict[str, Any] = _required(wire, "limits", dict)
    return Inventory(
        bytes=_required(wire, "bytes", int),
        count=_required(wire, "count", int),
        seq=_required(wire, "seq", int),
        limits=limits,
    )


def config_from_wire(wire: Any) -> StreamConfig:
    """Return the configuration of a stream."""
    if not isinstance(wire, Mapping):
        msg = f"expected a configuration, not {type(wire).__name__}"
        raise StoreError(msg)
    return StreamConfig().changed(wire)


def sequence_of(value: object, what: str) -> Sequence[Any]:
    """Return a list, or raise StoreError that names what it should hold."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        msg = f"{what} must be a list, not {type(value).__name__}"
        raise StoreError(msg)
    return value
