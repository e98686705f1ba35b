"""conat-core §3 and §4; SPEC E1 to E4, M4, M5."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import EventError
from cocalc_jupyter_ext.conat.protocol.chunks import Chunk
from cocalc_jupyter_ext.conat.protocol.messages import (
    MAX_BATCH,
    ClientEvent,
    Cluster,
    Delivery,
    Info,
    PermissionNotice,
    Publish,
    ReportStats,
    ServerEvent,
    Subscribe,
    SubscribeRequest,
    Subscriptions,
    Unsubscribe,
    WaitForInterest,
    client_event_from_wire,
    client_event_to_wire,
    server_event_from_wire,
    server_event_to_wire,
)
from cocalc_jupyter_ext.conat.types import MessageId, Pattern, Subject

CHUNK = Chunk(MessageId("id"), 2, True, 1, b"raw", {"h": 1})
PLAIN = Chunk(MessageId("id"), 0, False, 0, b"raw")

CLIENT_EVENTS: list[tuple[ClientEvent, str, tuple[Any, ...]]] = [
    (Publish("a.b", CHUNK), "publish", (["a.b", "id", 2, 1, 1, b"raw", {"h": 1}],)),
    (Publish("a.b", PLAIN), "publish", (["a.b", "id", 0, 0, 0, b"raw"],)),
    (
        Subscribe((SubscribeRequest("a", "q"),)),
        "subscribe",
        ({"subject": "a", "queue": "q"},),
    ),
    (
        Subscribe((SubscribeRequest("a", "q"), SubscribeRequest("b", "q")), batch=True),
        "subscribe",
        ([{"subject": "a", "queue": "q"}, {"subject": "b", "queue": "q"}],),
    ),
    (Unsubscribe(("a",)), "unsubscribe", ({"subject": "a"},)),
    (Unsubscribe(("a", "b"), batch=True), "unsubscribe", ([{"subject": "a"}, {"subject": "b"}],)),
    (Subscriptions(), "subscriptions", (None,)),
    (WaitForInterest("a", 5), "wait-for-interest", ({"subject": "a", "timeout": 5},)),
    (Cluster(), "cluster", ()),
    (ReportStats(1, 2), "stats", ({"recv0": {"messages": 1, "bytes": 2}},)),
]

SERVER_EVENTS: list[tuple[ServerEvent, str, tuple[Any, ...]]] = [
    (Info(8, "0", None), "info", ({"max_payload": 8, "id": "0", "user": None},)),
    (
        Info(8, "n", {"account_id": "x"}, "c"),
        "info",
        ({"max_payload": 8, "id": "n", "clusterName": "c", "user": {"account_id": "x"}},),
    ),
    (
        PermissionNotice("no", "a", "pub"),
        "permission",
        ({"message": "no", "subject": "a", "type": "pub"},),
    ),
    (
        Delivery(Pattern("a.*"), Subject("a.b"), CHUNK),
        "a.*",
        ({"subject": "a.b", "data": ["id", 2, 1, 1, b"raw", {"h": 1}]},),
    ),
]


@pytest.mark.parametrize(("event", "name", "arguments"), CLIENT_EVENTS)
def test_client_events_go_over_the_wire_and_back(
    event: ClientEvent, name: str, arguments: tuple[Any, ...]
) -> None:
    assert client_event_to_wire(event) == (name, arguments)
    assert client_event_from_wire(name, list(arguments)) == event


@pytest.mark.parametrize(("event", "name", "arguments"), SERVER_EVENTS)
def test_server_events_go_over_the_wire_and_back(
    event: ServerEvent, name: str, arguments: tuple[Any, ...]
) -> None:
    assert server_event_to_wire(event) == (name, arguments)
    assert server_event_from_wire(name, list(arguments)) == event


def test_null_headers_are_no_headers() -> None:
    wire = {"subject": "a", "data": ["id", 0, 1, 0, b"x", None]}

    assert server_event_from_wire("a", [wire]) == Delivery(
        Pattern("a"), Subject("a"), Chunk(MessageId("id"), 0, True, 0, b"x")
    )


def test_receivers_named_by_a_client_are_never_looked_at() -> None:
    """conat-core §20: targets are ignored."""
    wire = ["a", "id", 0, 1, 0, b"x", None, [{"pattern": "secret", "target": "room"}]]

    assert client_event_from_wire("publish", [wire]) == Publish(
        "a", Chunk(MessageId("id"), 0, True, 0, b"x")
    )


def test_a_wait_without_a_timeout_lasts_90_seconds() -> None:
    event = client_event_from_wire("wait-for-interest", [{"subject": "a"}])

    assert event == WaitForInterest("a", 90_000)


def test_a_queue_that_is_no_string_is_missing() -> None:
    """conat-core §3.3: queue is not a string."""
    event = client_event_from_wire("subscribe", [{"subject": "a", "queue": 7}])

    assert event == Subscribe((SubscribeRequest("a", None),))


def test_a_subject_that_is_no_string_becomes_an_invalid_one() -> None:
    assert client_event_from_wire("unsubscribe", [{"subject": {}}]) == Unsubscribe(("",))


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("nonsense", [], "unknown event 'nonsense'"),
        ("publish", [], "needs a subject"),
        ("publish", [{}], "needs a subject"),
        ("publish", [["a", "id", 0, 1, 0]], "id, seq, done, encoding and raw"),
        ("publish", [["a", 7, 0, 1, 0, b""]], "the id of a message"),
        ("publish", [["a", "x" * 101, 0, 1, 0, b""]], "at most 100 characters"),
        ("publish", [["a", "id", -1, 1, 0, b""]], "non-negative"),
        ("publish", [["a", "id", True, 1, 0, b""]], "non-negative"),
        ("publish", [["a", "id", 2**53, 1, 0, b""]], "non-negative"),
        ("publish", [["a", "id", 0, 1, "0", b""]], "non-negative"),
        ("publish", [["a", "id", 0, 1, 0, "text"]], "must be binary"),
        ("subscribe", [7], "must be an object"),
        ("subscribe", [[7]], "must be an object"),
        ("unsubscribe", [None], "must be an object"),
        ("wait-for-interest", [{"subject": "a", "timeout": "soon"}], "milliseconds"),
        ("wait-for-interest", [{"subject": "a", "timeout": -1}], "milliseconds"),
        ("wait-for-interest", [{"subject": "a", "timeout": 10**400}], "milliseconds"),
        ("wait-for-interest", [{"subject": "a", "timeout": float("inf")}], "milliseconds"),
        ("stats", [{}], "must be an object"),
        ("stats", [{"recv0": {"messages": 1}}], "the numbers"),
    ],
)
def test_client_events_that_make_no_sense_are_refused(
    name: str, arguments: list[Any], reason: str
) -> None:
    with pytest.raises(EventError, match=reason):
        client_event_from_wire(name, arguments)


@pytest.mark.parametrize("name", ["subscribe", "unsubscribe"])
def test_arrays_that_are_too_long_are_refused_before_they_are_read(name: str) -> None:
    assert client_event_from_wire(name, [[{"subject": "a"}] * MAX_BATCH])
    with pytest.raises(EventError, match="at most 20000 subscriptions"):
        client_event_from_wire(name, [[None] * (MAX_BATCH + 1)])


def test_headers_that_are_nested_too_deeply_are_refused() -> None:
    headers: Any = {}
    for _ in range(50):
        headers = {"h": headers}

    with pytest.raises(EventError, match="50 levels"):
        client_event_from_wire("publish", [["a", "id", 0, 1, 0, b"", headers]])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("info", []),
        ("info", [{"max_payload": "8", "user": None}]),
        ("info", [{"max_payload": 8, "user": 7}]),
        ("permission", [{"type": "x"}]),
        ("a.b", [{"subject": "a.b"}]),
        ("a.b", [[]]),
    ],
)
def test_server_events_that_make_no_sense_are_refused(name: str, arguments: list[Any]) -> None:
    with pytest.raises(EventError):
        server_event_from_wire(name, arguments)
