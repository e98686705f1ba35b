"""A unit of work is committed as a whole or not at all, and writers wait for each other."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cocalc_hub_ext.db.accounts import ensure_account, fetch_account
from cocalc_hub_ext.db.engine import Database, create_hub_engine, sqlite_url
from cocalc_hub_ext.db.projects import create_project, fetch_project, save_users
from cocalc_hub_ext.ids import AccountId, ProjectId

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ADA = AccountId("a0000000-0000-4000-8000-000000000001")
PROJECT = ProjectId("b0000000-0000-4000-8000-000000000001")


def make_ada(session: Session) -> None:
    ensure_account(session, hub_user="ada", display_name="Ada", account_id=ADA, now=NOW)


async def test_a_unit_of_work_that_raises_leaves_nothing(database: Database) -> None:
    def work(session: Session) -> None:
        make_ada(session)
        raise LookupError("stop")

    with pytest.raises(LookupError, match="stop"):
        await database.write(work)
    assert await database.read(lambda session: fetch_account(session, "ada")) is None


async def test_concurrent_changes_of_one_map_are_all_kept(database: Database) -> None:
    await database.write(
        lambda session: create_project(
            session, project_id=PROJECT, title="t", description="", users={}, now=NOW
        )
    )

    def add_member(number: int) -> Callable[[Session], None]:
        def work(session: Session) -> None:
            project = fetch_project(session, PROJECT, for_update=True)
            assert project is not None
            account = AccountId(f"a0000000-0000-4000-8000-{number:012}")
            save_users(session, PROJECT, project.users | {account: {"group": "collaborator"}})

        return work

    await asyncio.gather(*(database.write(add_member(n)) for n in range(12)))

    project = await database.read(lambda session: fetch_project(session, PROJECT))
    assert project is not None
    assert len(project.users) == 12


async def test_sqlite_writes_ahead_so_readers_never_wait(tmp_path: Path) -> None:
    database = Database(create_hub_engine(sqlite_url(tmp_path / "x.sqlite")))
    try:
        mode = await database.read(lambda session: session.scalar(text("PRAGMA journal_mode")))
    finally:
        database.close()
    assert mode == "wal"


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_a_postgresql_url_means_the_driver_that_is_installed(scheme: str) -> None:
    engine = create_hub_engine(f"{scheme}://somebody@localhost/cocalc")

    assert engine.url.drivername == "postgresql+psycopg"
    engine.dispose()


def test_close_is_idempotent(tmp_path: Path) -> None:
    database = Database(create_hub_engine(sqlite_url(tmp_path / "x.sqlite")))

    database.close()
    database.close()
