"""The hub's shares follow our table, whatever happens at the same time."""

import asyncio
import logging

import pytest

from cocalc_hub_ext.auth.identity import Identities
from cocalc_hub_ext.db.engine import Database
from cocalc_hub_ext.errors import HubRefusedError
from cocalc_hub_ext.projects.manager import ProjectManager
from cocalc_hub_ext.projects.membership import share_scopes
from cocalc_hub_ext.projects.mirror import Mirror
from tests.support.fake_hub import FakeHub

PEOPLE = [f"person{number}" for number in range(6)]


async def test_members_added_at_the_same_time_all_keep_their_share(
    manager: ProjectManager, identities: Identities, fake_hub: FakeHub
) -> None:
    fake_hub.users.update(PEOPLE)
    owner = await identities.account_of({"name": "owner"})
    project = await manager.create(owner, "Shared")

    await asyncio.gather(*(manager.add_member(owner, project.project_id, name) for name in PEOPLE))

    assert set(fake_hub.shares[project.project_id]) == {"owner", *PEOPLE}


async def test_what_the_hub_lost_or_invented_is_repaired(
    manager: ProjectManager, identities: Identities, fake_hub: FakeHub
) -> None:
    owner = await identities.account_of({"name": "owner"})
    project_id = (await manager.create(owner, "Repaired")).project_id
    fake_hub.users.clear()
    fake_hub.shares[project_id] = {
        "stranger": share_scopes(project_id),
        "owner": frozenset({f"access:servers!server={project_id}/", "admin:users"}),
    }

    await manager.reconcile()

    assert project_id in fake_hub.users
    assert fake_hub.shares[project_id] == {"owner": share_scopes(project_id)}


async def test_one_project_that_fails_does_not_stop_the_others(
    tables: Database,
    manager: ProjectManager,
    identities: Identities,
    fake_hub: FakeHub,
    caplog: pytest.LogCaptureFixture,
) -> None:
    owner = await identities.account_of({"name": "owner"})
    for title in ("One", "Two"):
        await manager.create(owner, title)
    fake_hub.failure = HubRefusedError("GET", "/shares", 500, "broken")

    with caplog.at_level(logging.WARNING):
        await Mirror(tables, fake_hub).update_all()  # type: ignore[arg-type]  # has the methods

    assert caplog.text.count("not brought up to date") == 2
