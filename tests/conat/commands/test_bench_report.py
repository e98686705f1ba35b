"""Percentiles, rates, and payloads that say when they were sent."""

import pytest

from cocalc_jupyter_ext.conat.commands.bench_report import (
    MIN_SIZE,
    Report,
    percentile,
    sent_at_s,
    stamped,
)
from cocalc_jupyter_ext.conat.protocol.codec import decode, encode


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (10, 1), (11, 2), (50, 5), (90, 9), (99, 10)]
)
def test_a_percentile_is_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile(list(range(1, 11)), percent) == expected
    assert percentile([7.0], percent) == 7.0


@pytest.mark.parametrize("size", [MIN_SIZE, 128, 70_000])
def test_a_payload_is_a_value_of_its_size_and_says_when_it_was_sent(size: int) -> None:
    raw = stamped(size, 1700000000.125)

    assert len(raw) == size
    assert sent_at_s(raw) == 1700000000.125
    assert isinstance(decode(raw), bytes)


@pytest.mark.parametrize("value", [None, "x", "x" * 1000, b"y" * 1000])
def test_other_payloads_say_nothing(value: object) -> None:
    assert sent_at_s(encode(value)) is None


def test_a_report_has_rates_and_latencies() -> None:
    report = Report("pub", 1000, 128, 2, 0.5, [0.003, 0.001, 0.002])

    assert report.as_json() == {
        "what": "pub",
        "messages": 1000,
        "size": 128,
        "clients": 2,
        "seconds": 0.5,
        "messages_per_s": 2000.0,
        "bytes_per_s": 256_000.0,
        "latency_ms": {"min": 1.0, "p50": 2.0, "p90": 3.0, "p99": 3.0, "max": 3.0},
    }
    assert report.as_text() == (
        "pub: 2,000 messages/s, 0.26 MB/s (1,000 messages of 128 bytes, 2 clients, 0.50 s)\n"
        "latency in ms: min 1.00, p50 2.00, p90 3.00, p99 3.00, max 3.00"
    )


def test_a_report_without_latencies_is_one_line() -> None:
    report = Report("sub", 1, 128, 1, 0.0)

    assert "\n" not in report.as_text()
    assert "latency_ms" not in report.as_json()
