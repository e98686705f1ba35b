"""Column types that mean the same in SQLite and PostgreSQL.

Times are timezone-aware UTC in Python, whatever the database stores; maps are JSONB where there
is one; ids are written as lower-case UUIDs.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, DateTime, Dialect, Uuid, func, literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

__all__ = ["Id", "JsonMap", "UtcDateTime", "has_key"]

Id = Uuid(as_uuid=False)
JsonMap = JSON().with_variant(JSONB(), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment; naive datetimes are refused because their zone would be a guess."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store as UTC; raises ValueError for a naive datetime."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back UTC; SQLite forgets the zone, PostgreSQL answers in the session's."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def has_key(column: Any, key: str, dialect: str) -> ColumnElement[bool]:
    """Return the condition "the map in ``column`` has ``key``"; an index serves it in PostgreSQL.

    ``key`` must be a plain word (an id): it becomes part of a JSON path in SQLite.
    """
    if dialect == "postgresql":
        return column.op("?", is_comparison=True)(literal(key))  # type: ignore[no-any-return]  # op() is untyped
    return func.json_type(column, f'$."{key}"').is_not(None)
