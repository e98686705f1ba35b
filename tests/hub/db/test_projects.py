"""Projects come back as they were stored, and only their members list them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from cocalc_hub_ext.db.engine import Database
from cocalc_hub_ext.db.projects import (
    Project,
    create_project,
    fetch_project,
    iter_projects,
    list_projects_of,
    save_state,
    save_users,
)
from cocalc_hub_ext.ids import AccountId, ProjectId

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ADA = AccountId("a0000000-0000-4000-8000-000000000001")
BOB = AccountId("a0000000-0000-4000-8000-000000000002")


def project_id(number: int) -> ProjectId:
    return ProjectId(f"b0000000-0000-4000-8000-{number:012}")


async def create(
    database: Database, number: int, *, owner: AccountId = ADA, now: datetime = NOW
) -> Project:
    return await database.write(
        lambda session: create_project(
            session,
            project_id=project_id(number),
            title=f"Project {number} ✓",
            description="",
            users={owner: {"group": "owner"}},
            now=now,
        )
    )


async def list_of(database: Database, account: AccountId) -> list[str]:
    found = await database.read(lambda session: list_projects_of(session, account))
    return [project.project_id for project in found]


async def test_a_project_comes_back_as_it_was_created(database: Database) -> None:
    made = await create(database, 1)

    found = await database.read(lambda session: fetch_project(session, project_id(1)))
    assert found == made
    assert made.users == {ADA: {"group": "owner"}}
    assert made.state["state"] == "opened"
    assert made.created == NOW


async def test_members_list_their_projects_last_edited_first(database: Database) -> None:
    await create(database, 1)
    await create(database, 2, now=NOW + timedelta(hours=1))
    await create(database, 3, owner=BOB)

    assert await list_of(database, ADA) == [project_id(2), project_id(1)]
    assert await list_of(database, BOB) == [project_id(3)]


async def test_a_removed_member_does_not_list_the_project(database: Database) -> None:
    await create(database, 1)
    await database.write(
        lambda session: save_users(session, project_id(1), {BOB: {"group": "owner"}})
    )

    assert await list_of(database, ADA) == []
    assert await list_of(database, BOB) == [project_id(1)]


async def test_a_deleted_project_is_nowhere_but_its_row_stays(database: Database) -> None:
    await create(database, 1)
    await database.write(
        lambda session: session.execute(text("UPDATE cocalc_projects SET deleted = true"))
    )

    assert await list_of(database, ADA) == []
    assert await database.read(lambda session: fetch_project(session, project_id(1))) is None
    assert await database.read(lambda session: list(iter_projects(session))) == []
    count = text("SELECT count(*) FROM cocalc_projects")
    assert await database.read(lambda session: session.scalar(count)) == 1


async def test_the_state_is_recorded_with_or_without_an_edit(database: Database) -> None:
    await create(database, 1)
    later = NOW + timedelta(minutes=5)

    async def record(state: dict[str, Any], edited: datetime | None) -> Project | None:
        await database.write(
            lambda session: save_state(session, project_id(1), state, edited=edited)
        )
        return await database.read(lambda session: fetch_project(session, project_id(1)))

    running = await record({"state": "running"}, None)
    assert running is not None
    assert (running.state, running.last_edited) == ({"state": "running"}, NOW)
    edited = await record({"state": "opened"}, later)
    assert edited is not None
    assert edited.last_edited == later


async def test_every_project_is_visited_in_order(database: Database) -> None:
    for number in (3, 1, 2):
        await create(database, number)

    found = await database.read(
        lambda session: [project.project_id for project in iter_projects(session)]
    )
    assert found == [project_id(1), project_id(2), project_id(3)]


async def test_times_of_another_zone_mean_the_same_moment(database: Database) -> None:
    made = await create(database, 1, now=NOW.astimezone(timezone(timedelta(hours=5))))

    found = await database.read(lambda session: fetch_project(session, project_id(1)))
    assert found is not None
    assert found.created == made.created == NOW


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="no time zone"):
        await create(database, 1, now=NOW.replace(tzinfo=None))
