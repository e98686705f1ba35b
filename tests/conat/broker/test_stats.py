"""conat-core §11.7, §17; SPEC R10, Y2, Y3."""

from cocalc_jupyter_ext.conat.broker.stats import (
    ConnectionStats,
    PeerStats,
    Traffic,
    Usage,
    user_json,
)
from cocalc_jupyter_ext.conat.protocol.chunks import split
from cocalc_jupyter_ext.conat.types import MessageId, User

ACCOUNT = User("account", "a")


def test_a_message_counts_once_and_its_bytes_all() -> None:
    stats = PeerStats()
    for chunk in split(MessageId("m"), b"12345", size_bytes=2):
        stats.sent.count(chunk)

    assert (stats.sent.messages, stats.sent.bytes) == (1, 5)


def test_a_copy_stays_as_it_is() -> None:
    stats = PeerStats(1, "1.2.3.4", 2, Traffic(3, 4), Traffic(5, 6))
    copy = stats.copy()
    stats.sent.messages = stats.received.messages = stats.active_ms = 100

    assert copy == PeerStats(1, "1.2.3.4", 2, Traffic(3, 4), Traffic(5, 6))


def test_a_connection_is_shown_as_the_contract_says() -> None:
    stats = PeerStats(1, "1.2.3.4", 2, Traffic(3, 4), Traffic(5, 6))

    assert ConnectionStats(ACCOUNT, stats, 7).to_wire() == {
        "user": {"account_id": "a"},
        "send": {"messages": 3, "bytes": 4},
        "recv": {"messages": 5, "bytes": 6},
        "subs": 7,
        "connected": 1,
        "active": 2,
        "address": "1.2.3.4",
    }
    assert ConnectionStats(None, stats, 0).to_wire()["user"] is None


def test_usage_names_users_by_their_json() -> None:
    usage = Usage({ACCOUNT: 2, User("hub", "hub"): 1, None: 3})

    assert usage.to_wire() == {
        "total": 6,
        "perUser": {'{"account_id":"a"}': 2, '{"hub_id":"hub"}': 1, "null": 3},
    }
    assert user_json(None) == "null"
