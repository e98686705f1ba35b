"""A hub's parts on a database of their own and a hub in memory."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from cocalc_hub_ext.auth.identity import Identities
from cocalc_hub_ext.db.engine import Database, create_hub_engine, sqlite_url
from cocalc_hub_ext.db.schema import upgrade_schema
from cocalc_hub_ext.projects.manager import ProjectManager
from tests.support.fake_hub import FakeHub


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Database]:
    engine = create_hub_engine(sqlite_url(tmp_path / "cocalc.sqlite"))
    upgrade_schema(engine)
    made = Database(engine)
    yield made
    made.close()


@pytest.fixture
def fake_hub() -> FakeHub:
    return FakeHub()


class World:
    """Time that moves on by a second and ids that count."""

    def __init__(self) -> None:
        self._seconds = count()
        self._ids = count(1)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(self._seconds))

    def new_id(self) -> UUID:
        return UUID(int=next(self._ids))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def identities(tables: Database, fake_hub: FakeHub, world: World) -> Identities:
    return Identities(tables, fake_hub, now=world.now, new_id=world.new_id)


@pytest.fixture
async def manager(
    tables: Database, fake_hub: FakeHub, identities: Identities, world: World
) -> AsyncIterator[ProjectManager]:
    made = ProjectManager(
        tables,
        fake_hub,  # type: ignore[arg-type]  # has the methods, not the connections
        identities,
        now=world.now,
        new_id=world.new_id,
    )
    yield made
    await made.close()
