"""The tables come up by themselves, once, and leave everything else alone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from cocalc_hub_ext.db.models import VERSION_TABLE, Base
from cocalc_hub_ext.db.schema import MIGRATIONS, newest_revision, upgrade_schema
from cocalc_hub_ext.errors import DatabaseTooNewError


def test_the_newest_revision_is_the_only_head_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_heads() == [newest_revision()]


def test_migrations_make_what_the_models_describe(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        differences = compare_metadata(context, Base.metadata)

    # The index on members exists where the database can use it.
    if engine.dialect.name == "sqlite":
        differences = [d for d in differences if d[0] != "add_index"]
    assert differences == []


def test_a_second_start_changes_nothing(engine: Engine) -> None:
    upgrade_schema(engine)

    with engine.connect() as connection:
        versions = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).all()
    assert versions == [(newest_revision(),)]


def test_tables_of_the_hub_survive_the_upgrade(
    empty_url: str, make_engine: Callable[[str], Engine]
) -> None:
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('f460b0348206')"))

    upgrade_schema(engine)

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "f460b0348206"
        assert "cocalc_projects" in inspect(connection).get_table_names()


def test_processes_that_start_at_once_upgrade_once(
    empty_url: str, make_engine: Callable[[str], Engine]
) -> None:
    engines = [make_engine(empty_url) for _ in range(3)]

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(upgrade_schema, engines))

    with engines[0].connect() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {VERSION_TABLE}")) == 1


def test_tables_of_a_later_version_are_refused_and_kept(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))

    with pytest.raises(DatabaseTooNewError, match=r"9999.*Install"):
        upgrade_schema(engine)
