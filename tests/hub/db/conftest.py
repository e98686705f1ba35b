"""Every test of the hub's data runs on SQLite and on a real PostgreSQL."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cocalc_hub_ext.db.engine import Database, create_hub_engine, sqlite_url
from cocalc_hub_ext.db.schema import upgrade_schema
from tests.support.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    # Not below pytest's own folder: that one is closed to the user PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="ccpg-", dir="/tmp"))
    try:
        with postgres_server(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "cocalc.sqlite")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture
def make_engine() -> Iterator[Callable[[str], Engine]]:
    engines: list[Engine] = []

    def make(url: str) -> Engine:
        engines.append(create_hub_engine(url))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def engine(empty_url: str, make_engine: Callable[[str], Engine]) -> Engine:
    made = make_engine(empty_url)
    upgrade_schema(made)
    return made


@pytest.fixture
def database(engine: Engine) -> Iterator[Database]:
    made = Database(engine)
    yield made
    made.close()
