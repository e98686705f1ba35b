"""Times of messages as Python has them."""

from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["datetime_from_ms"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def datetime_from_ms(time_ms: float) -> datetime:
    """Return an aware datetime for a Unix time in milliseconds."""
    return _EPOCH + timedelta(milliseconds=time_ms)
