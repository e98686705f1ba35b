"""Times of messages."""

from datetime import UTC, datetime

from cocalc_jupyter_ext.conat.sync.times import datetime_from_ms


def test_a_time_is_an_aware_datetime_to_the_millisecond() -> None:
    assert datetime_from_ms(1_750_218_209_211) == datetime(
        2025, 6, 18, 3, 43, 29, 211_000, tzinfo=UTC
    )
