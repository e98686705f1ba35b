from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cocalc_jupyter_ext.conat.persist.config import StreamConfig
from cocalc_jupyter_ext.conat.persist.database.retention import Row, Totals, plan_deletions
from cocalc_jupyter_ext.conat.persist.errors import Rejected

NOW_MS = 1_000_000


@dataclass
class ListedRows:
    """Rows of (seq, size, time, expires at) in a list; ``asked`` names what was read."""

    listed: list[tuple[int, int, int, float | None]]

    def __post_init__(self) -> None:
        self.asked: list[str] = []

    def count(self) -> int:
        self.asked.append("count")
        return len(self.listed)

    def bytes(self) -> int:
        self.asked.append("bytes")
        return sum(size for _, size, _, _ in self.listed)

    def stored_since(self, time_ms: int) -> Totals:
        sizes = [size for _, size, time, _ in self.listed if time >= time_ms]
        return Totals(len(sizes), sum(sizes))

    def in_order(self) -> Iterator[Row]:
        return (Row(seq, size) for seq, size, _, _ in self.listed)

    def stored_until(self, time_ms: int) -> list[Row]:
        return [Row(seq, size) for seq, size, time, _ in self.listed if time <= time_ms]

    def expired(self, now_ms: int) -> list[Row]:
        return [
            Row(s, size) for s, size, _, end in self.listed if end is not None and end <= now_ms
        ]


def rows(*sizes: int) -> ListedRows:
    """Return rows that were stored right now, with these sizes, numbered from 1."""
    return ListedRows([(seq, size, NOW_MS, None) for seq, size in enumerate(sizes, 1)])


def ages(*ages_ms: int) -> ListedRows:
    """Return rows of size 10 with these ages, numbered from 1."""
    return ListedRows([(seq, 10, NOW_MS - age, None) for seq, age in enumerate(ages_ms, 1)])


# For each limit: settings, rows, size of the new message, what goes (or who refuses).
CASES: list[tuple[dict[str, object], ListedRows, int, list[list[int]] | str]] = [
    ({}, rows(*[100] * 5), 10**9, []),
    # max_msgs
    ({"max_msgs": 3}, rows(1, 1), 1, []),
    ({"max_msgs": 2}, rows(1, 1), 1, [[1]]),
    ({"max_msgs": 2}, rows(1, 1), 0, []),
    ({"max_msgs": 2}, rows(1, 1, 1, 1), 0, [[1, 2]]),
    ({"max_msgs": 2}, rows(1, 1, 1, 1), 1, [[1, 2, 3]]),
    ({"max_msgs": 0}, rows(1, 1), 1, [[1, 2]]),
    ({"max_msgs": 0}, rows(), 1, []),
    ({"max_msgs": -1}, rows(1, 1), 1, []),
    ({"max_msgs": None}, rows(1, 1), 1, []),
    ({"max_msgs": 2, "discard_policy": "new"}, rows(1, 1), 1, "max_msgs"),
    ({"max_msgs": 2, "discard_policy": "new"}, rows(1), 1, []),
    ({"max_msgs": 2, "discard_policy": "new"}, rows(1, 1, 1), 0, []),
    # max_age
    ({"max_age": 50}, ages(51, 50, 49, 0), 0, [[1, 2]]),
    ({"max_age": 50, "discard_policy": "new"}, ages(50, 0), 1, [[1]]),
    ({"max_age": 0}, ages(51), 1, []),
    ({"max_age": -1}, ages(51), 1, []),
    ({"max_age": None}, ages(51), 1, []),
    # max_bytes
    ({"max_bytes": 100}, rows(50), 50, []),
    ({"max_bytes": 100}, rows(50), 51, [[1]]),
    ({"max_bytes": 100}, rows(10, 40, 50), 41, [[1, 2]]),
    ({"max_bytes": 100}, rows(10, 40, 50), 0, []),
    ({"max_bytes": 99}, rows(10, 40, 50), 0, [[1]]),
    ({"max_bytes": 100}, rows(10, 40), 101, [[1, 2]]),
    ({"max_bytes": 100}, rows(101), 0, [[1]]),
    ({"max_bytes": 0}, rows(), 1, []),
    ({"max_bytes": -1}, rows(10), 1, []),
    ({"max_bytes": 100, "discard_policy": "new"}, rows(50), 51, "max_bytes"),
    ({"max_bytes": 100, "discard_policy": "new"}, rows(), 101, "max_bytes"),
    ({"max_bytes": 100, "discard_policy": "new"}, rows(50), 50, []),
    ({"max_bytes": 100, "discard_policy": "new"}, rows(101), 0, []),
    # ttl
    ({"allow_msg_ttl": True}, ListedRows([(1, 1, 0, NOW_MS), (2, 1, 0, NOW_MS + 1)]), 1, [[1]]),
    ({}, ListedRows([(1, 1, 0, NOW_MS)]), 1, []),
    # max_msg_size
    ({"max_msg_size": 10}, rows(), 10, []),
    ({"max_msg_size": 10}, rows(), 11, "max_msg_size of 10 bytes exceeded"),
    ({"max_msg_size": 0}, rows(), 1, "max_msg_size"),
    ({"max_msg_size": 10, "discard_policy": "new"}, rows(), 11, "max_msg_size"),
    ({"max_msg_size": -1}, rows(), 11, []),
    # rates: what is stored already counts, within one second
    ({"max_msgs_per_second": 2}, ages(0, 0), 1, []),
    ({"max_msgs_per_second": 2}, ages(1000, 0, 0), 1, "max_msgs_per_second"),
    ({"max_msgs_per_second": 2}, ages(1001, 0, 0), 1, []),
    ({"max_msgs_per_second": 2}, ages(0, 0, 0), 0, []),
    ({"max_msgs_per_second": 0}, ages(0, 0, 0), 1, []),
    ({"max_bytes_per_second": 20}, ages(0, 0), 1000, []),
    ({"max_bytes_per_second": 19}, ages(0, 0), 1, "max_bytes_per_second"),
    ({"max_bytes_per_second": None}, ages(0, 0), 1, []),
    # together: each step sees what the earlier ones left, and has a deletion of its own
    ({"max_msgs": 2, "max_age": 50}, ages(99, 99, 60, 0), 0, [[1, 2], [3]]),
    ({"max_msgs": 3, "max_bytes": 25}, ages(0, 0, 0), 10, [[1], [2]]),
    ({"max_age": 50, "max_bytes": 20}, ages(0, 60, 0), 5, [[2], [1]]),
    ({"max_msgs": 1, "max_bytes": 5}, ages(0, 0, 0), 6, [[1, 2, 3]]),
    ({"max_msgs_per_second": 1, "max_msg_size": 1}, ages(0, 0), 9, "max_msgs_per_second"),
    (
        {"max_msgs": 1, "max_age": 5, "discard_policy": "new"},
        ages(99),
        1,
        "max_msgs",
    ),
]


@pytest.mark.parametrize(("settings", "stream", "size", "expected"), CASES)
def test_limits(
    settings: dict[str, object], stream: ListedRows, size: int, expected: list[list[int]] | str
) -> None:
    config = StreamConfig(**settings)  # type: ignore[arg-type]

    if isinstance(expected, str):
        with pytest.raises(Rejected, match=expected):
            plan_deletions(config, size, NOW_MS, stream)
    else:
        assert plan_deletions(config, size, NOW_MS, stream) == expected


def test_without_limits_nothing_is_read() -> None:
    stream = rows(1, 2, 3)

    plan_deletions(StreamConfig(max_msg_size=5, max_msgs=10), 1, NOW_MS, stream)

    assert stream.asked == ["count"]
