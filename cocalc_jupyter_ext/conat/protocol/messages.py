"""The events of the protocol as frozen dataclasses, and their unions.

``ClientEvent`` is what a client sends, ``ServerEvent`` what a server sends (conat-core
§3). ``client_event_from_wire`` and ``server_event_from_wire`` check foreign input and
raise EventError; ``client_event_to_wire`` and ``server_event_to_wire`` give the event
name and its arguments. Subjects are not validated here: the router answers for them.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

from ..errors import EventError
from ..types import Headers, JsonObject, JsonValue, MessageId, Operation, Pattern, Subject
from .chunks import Chunk
from .codec import depth_exceeds

__all__ = [
    "MAX_BATCH",
    "RESERVED_EVENT_NAMES",
    "ClientEvent",
    "Cluster",
    "Delivery",
    "Info",
    "PermissionNotice",
    "Publish",
    "ReportStats",
    "ServerEvent",
    "Subscribe",
    "SubscribeRequest",
    "Subscriptions",
    "Unsubscribe",
    "WaitForInterest",
    "client_event_from_wire",
    "client_event_to_wire",
    "server_event_from_wire",
    "server_event_to_wire",
]

RESERVED_EVENT_NAMES: Final = frozenset(
    {
        "info",
        "permission",
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    }
)
"""A delivery is named after its pattern, so no pattern may be one of these (conat-core §3.2)."""

MAX_BATCH: Final = 20_000
"""How many subscriptions one event may name. More are refused before they are read."""

MAX_HEADER_DEPTH: Final = 50
"""Deep enough for every use, and shallow enough to be written again inside a delivery."""

DEFAULT_INTEREST_WAIT_MS: Final = 90_000
_GREATEST_COUNT: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Publish:
    """One chunk for a subject (conat-core §4.1). Acknowledged with ``{count}``."""

    subject: str
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class SubscribeRequest:
    """One wanted subscription. ``queue`` is None when the client sent no string."""

    subject: str
    queue: str | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Subscribe to one subject, or to several at once when ``batch`` (conat-core §3.1)."""

    requests: tuple[SubscribeRequest, ...]
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """End one subscription, or several at once when ``batch``."""

    subjects: tuple[str, ...]
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Ask which subjects this connection is subscribed to."""


@dataclass(frozen=True, slots=True)
class WaitForInterest:
    """Ask whether anybody is subscribed to a subject; 0 asks for an answer now."""

    subject: str
    timeout_ms: float = DEFAULT_INTEREST_WAIT_MS


@dataclass(frozen=True, slots=True)
class Cluster:
    """Ask for the addresses of the servers."""


@dataclass(frozen=True, slots=True)
class ReportStats:
    """What the client received since it connected. Never acknowledged."""

    received_messages: float
    received_bytes: float


@dataclass(frozen=True, slots=True)
class Info:
    """The server's greeting (conat-core §2.2). ``user`` is a user object, an error or None."""

    max_payload_bytes: int
    server_id: str
    user: JsonObject | None
    cluster_name: str | None = None


@dataclass(frozen=True, slots=True)
class PermissionNotice:
    """Tells a client that something it did was refused (conat-core §3.3)."""

    message: str
    subject: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Delivery:
    """One chunk for a subscriber of ``pattern`` (conat-core §4.2)."""

    pattern: Pattern
    subject: Subject
    chunk: Chunk


ClientEvent: TypeAlias = (
    Publish | Subscribe | Unsubscribe | Subscriptions | WaitForInterest | Cluster | ReportStats
)
ServerEvent: TypeAlias = Info | PermissionNotice | Delivery
Arguments: TypeAlias = tuple[JsonValue, ...]


def client_event_from_wire(name: str, arguments: Sequence[Any]) -> ClientEvent:
    """Return the event a client sent; raises EventError with a text for its author."""
    reader = _CLIENT_READERS.get(name)
    if reader is None:
        raise EventError(f"unknown event '{name[:100]}'")
    return reader(arguments[0] if arguments else None)


def client_event_to_wire(  # noqa: PLR0911 - one return for each kind of event
    event: ClientEvent,
) -> tuple[str, Arguments]:
    """Return the name and the arguments a client sends for an event."""
    match event:
        case Publish(subject, chunk):
            return "publish", ([subject, *_chunk_to_wire(chunk)],)
        case Subscribe(requests, batch):
            wanted = [{"subject": each.subject, "queue": each.queue} for each in requests]
            return "subscribe", (wanted if batch else wanted[0],)
        case Unsubscribe(subjects, batch):
            unwanted = [{"subject": each} for each in subjects]
            return "unsubscribe", (unwanted if batch else unwanted[0],)
        case Subscriptions():
            return "subscriptions", (None,)
        case WaitForInterest(subject, timeout_ms):
            return "wait-for-interest", ({"subject": subject, "timeout": timeout_ms},)
        case Cluster():
            return "cluster", ()
        case ReportStats(messages, size):
            return "stats", ({"recv0": {"messages": messages, "bytes": size}},)


def server_event_from_wire(name: str, arguments: Sequence[Any]) -> ServerEvent:
    """Return the event a server sent; raises EventError when it makes no sense."""
    argument = _mapping(arguments[0] if arguments else None, name)
    if name == "info":
        return _read_info(argument)
    if name == "permission":
        return _read_permission(argument)
    return _read_delivery(name, argument)


def server_event_to_wire(event: ServerEvent) -> tuple[str, Arguments]:
    """Return the name and the arguments a server sends for an event."""
    match event:
        case Info():
            return "info", (_info_to_wire(event),)
        case PermissionNotice(message, subject, operation):
            return "permission", ({"message": message, "subject": subject, "type": operation},)
        case Delivery(pattern, subject, chunk):
            return pattern, ({"subject": subject, "data": _chunk_to_wire(chunk)},)


def _chunk_to_wire(chunk: Chunk) -> list[JsonValue]:
    wire: list[JsonValue] = [chunk.id, chunk.seq, int(chunk.done), chunk.encoding, chunk.raw]
    if chunk.headers is not None:
        wire.append(chunk.headers)
    return wire


def _chunk_from_wire(wire: Sequence[Any]) -> Chunk:
    """Read ``[id, seq, done, encoding, raw, headers?, ...]``; what follows is ignored.

    The element after the headers names the receivers inside a cluster. Only nodes may
    use it, and ours do not, so a client's is never looked at (conat-core §4.5).
    """
    if not isinstance(wire, list) or len(wire) < 5:
        raise EventError("a message needs the elements id, seq, done, encoding and raw")
    message_id, seq, done, encoding, raw = wire[:5]
    if not isinstance(message_id, str) or len(message_id) > 100:
        raise EventError("the id of a message must be a string of at most 100 characters")
    if not _is_count(seq) or not _is_count(encoding):
        raise EventError("seq and encoding of a message must be non-negative integers")
    if not isinstance(raw, bytes):
        raise EventError("the payload of a message must be binary")
    headers: Headers = wire[5] if len(wire) > 5 else None
    if depth_exceeds(headers, MAX_HEADER_DEPTH):
        raise EventError(f"headers may be nested at most {MAX_HEADER_DEPTH} levels deep")
    return Chunk(MessageId(message_id), seq, bool(done), encoding, raw, headers)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _GREATEST_COUNT


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise EventError(f"the argument of '{name}' must be an object")
    return value


def _read_publish(argument: Any) -> Publish:
    if not isinstance(argument, list) or not argument:
        raise EventError("a message needs a subject, and is an array")
    return Publish(_text(argument[0]), _chunk_from_wire(argument[1:]))


def _read_subscribe(argument: Any) -> Subscribe:
    if isinstance(argument, list):
        return Subscribe(tuple(map(_read_subscribe_request, _batch(argument))), batch=True)
    return Subscribe((_read_subscribe_request(argument),))


def _read_subscribe_request(argument: Any) -> SubscribeRequest:
    wire = _mapping(argument, "subscribe")
    queue = wire.get("queue")
    return SubscribeRequest(_text(wire.get("subject")), queue if isinstance(queue, str) else None)


def _read_unsubscribe(argument: Any) -> Unsubscribe:
    if isinstance(argument, list):
        return Unsubscribe(tuple(map(_read_unsubscribe_subject, _batch(argument))), batch=True)
    return Unsubscribe((_read_unsubscribe_subject(argument),))


def _read_unsubscribe_subject(argument: Any) -> str:
    return _text(_mapping(argument, "unsubscribe").get("subject"))


def _batch(argument: list[Any]) -> list[Any]:
    if len(argument) > MAX_BATCH:
        raise EventError(f"at most {MAX_BATCH} subscriptions fit into one event")
    return argument


def _read_subscriptions(argument: Any) -> Subscriptions:
    return Subscriptions()


def _read_wait(argument: Any) -> WaitForInterest:
    wire = _mapping(argument, "wait-for-interest")
    timeout = wire.get("timeout")
    if timeout is None:
        timeout = DEFAULT_INTEREST_WAIT_MS
    if not _is_amount(timeout):
        raise EventError("the timeout must be a number of milliseconds, 0 or more")
    return WaitForInterest(_text(wire.get("subject")), timeout)


def _read_cluster(argument: Any) -> Cluster:
    return Cluster()


def _read_stats(argument: Any) -> ReportStats:
    received = _mapping(_mapping(argument, "stats").get("recv0"), "stats")
    messages, size = received.get("messages"), received.get("bytes")
    if not _is_amount(messages) or not _is_amount(size):
        raise EventError("'stats' needs recv0 with the numbers messages and bytes")
    return ReportStats(messages, size)


def _is_amount(value: object) -> TypeGuard[float]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value <= sys.float_info.max


def _text(value: object) -> str:
    """Return a string; anything else becomes a subject that cannot be valid."""
    return value if isinstance(value, str) else ""


def _info_to_wire(info: Info) -> dict[str, JsonValue]:
    wire: dict[str, JsonValue] = {"max_payload": info.max_payload_bytes, "id": info.server_id}
    if info.cluster_name is not None:
        wire["clusterName"] = info.cluster_name
    wire["user"] = info.user
    return wire


def _read_info(wire: Mapping[str, Any]) -> Info:
    max_payload, user = wire.get("max_payload"), wire.get("user")
    if not _is_count(max_payload) or not (user is None or isinstance(user, dict)):
        raise EventError("'info' needs the number max_payload and a user that is an object or null")
    name = wire.get("clusterName")
    return Info(max_payload, str(wire.get("id", "")), user, None if name is None else str(name))


def _read_permission(wire: Mapping[str, Any]) -> PermissionNotice:
    operation = wire.get("type")
    if operation not in ("pub", "sub"):
        raise EventError("'permission' needs the type 'pub' or 'sub'")
    return PermissionNotice(_text(wire.get("message")), _text(wire.get("subject")), operation)


def _read_delivery(pattern: str, wire: Mapping[str, Any]) -> Delivery:
    subject = _text(wire.get("subject"))
    return Delivery(Pattern(pattern), Subject(subject), _chunk_from_wire(wire.get("data") or []))


_CLIENT_READERS: Final[Mapping[str, Callable[[Any], ClientEvent]]] = {
    "publish": _read_publish,
    "subscribe": _read_subscribe,
    "unsubscribe": _read_unsubscribe,
    "subscriptions": _read_subscriptions,
    "wait-for-interest": _read_wait,
    "cluster": _read_cluster,
    "stats": _read_stats,
}
