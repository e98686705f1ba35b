"""Deep equality as merging and map of objects use it (conat-sync §8.1)."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cocalc_jupyter_ext.conat.protocol.codec import UNDEFINED
from cocalc_jupyter_ext.conat.sync.equality import equal

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (None, None),
        (math.nan, float("nan")),
        (0.0, -0.0),
        (1, 1.0),
        ("a", "a"),
        (b"xyz", bytearray(b"xyz")),
        (b"xyz", memoryview(b"xyz")),
        (NOON, NOON.astimezone(timezone(timedelta(hours=2)))),
        (NOON, NOON + timedelta(microseconds=999)),
        ([1, (2, 3)], (1, [2, 3])),
        ({"a": 1, "b": [None]}, {"b": [None], "a": 1}),
        ({"a": UNDEFINED}, {"a": UNDEFINED}),
    ],
)
def test_what_javascript_sees_as_the_same_is_equal(a: object, b: object) -> None:
    assert equal(a, b)
    assert equal(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (None, UNDEFINED),
        (None, 0),
        (True, 1),
        (False, 0),
        (True, False),
        ("1", 1),
        ("a", b"a"),
        (b"a", [97]),
        ("ab", ["a", "b"]),
        (NOON, NOON + timedelta(milliseconds=1)),
        (NOON, NOON.timestamp()),
        ([1, 2], [2, 1]),
        ([1], [1, UNDEFINED]),
        ({"a": UNDEFINED}, {}),
        ({"a": 1}, {"a": None}),
        ({}, []),
        (object(), object()),
    ],
)
def test_what_javascript_tells_apart_is_not_equal(a: object, b: object) -> None:
    assert not equal(a, b)
    assert not equal(b, a)
