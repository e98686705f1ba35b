"""Brings the tables to the newest revision, at every start.

Alembic is loaded only when there is something to do: a start with current tables costs one
query. The revision is the file's number (``versions/0001_....py`` is revision ``0001``), so the
newest one is known without reading the scripts.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from ..errors import DatabaseTooNewError
from .models import VERSION_TABLE

__all__ = ["MIGRATIONS", "newest_revision", "upgrade_schema"]

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do as long as it is the same in every process of ours.
_ADVISORY_LOCK = 0x636F63616C63


def newest_revision() -> str:
    """Return the revision the code expects."""
    return max(path.name.split("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py"))


def upgrade_schema(engine: Engine) -> None:
    """Create or upgrade our tables in one transaction, leaving all others alone.

    Several processes may start at once; one upgrades, the others wait for it.
    Raises DatabaseTooNewError when a later version has been here.
    """
    newest = newest_revision()
    with engine.execution_options(cocalc_writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _ADVISORY_LOCK})
        current = _current_revision(connection)
        if current == newest:
            return
        if current is not None and current > newest:
            raise DatabaseTooNewError(current, newest)
        _run_migrations(connection)


def _current_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - a constant
    return None if found is None else str(found)


def _run_migrations(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - 0.4 s that most starts need not spend
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
