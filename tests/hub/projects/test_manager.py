"""What members may do with a project, and what nobody else may."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cocalc_hub_ext.auth.identity import Identities
from cocalc_hub_ext.db.accounts import Account
from cocalc_hub_ext.errors import (
    CannotRemoveOwnerError,
    HubRefusedError,
    HubUnreachableError,
    InvalidInputError,
    ProjectBusyError,
    ProjectNotFoundError,
    StillConnectedError,
    UnknownPersonError,
)
from cocalc_hub_ext.ids import ProjectId
from cocalc_hub_ext.projects.lifecycle import Progress, ServerView, State
from cocalc_hub_ext.projects.manager import Member, ProjectManager, ProjectView
from tests.support.fake_hub import FakeHub

READY = Progress(100, "ready", ready=True)


@pytest.fixture
async def ada(identities: Identities) -> Account:
    return await identities.account_of({"name": "ada"})


@pytest.fixture
async def bob(identities: Identities) -> Account:
    return await identities.account_of({"name": "bob"})


@pytest.fixture
async def project(manager: ProjectManager, ada: Account) -> ProjectView:
    return await manager.create(ada, "  Small \n graphs ")


async def start(manager: ProjectManager, account: Account, project_id: ProjectId) -> None:
    await manager.start(account, project_id)
    await manager.wait_for_start(project_id)


async def test_a_new_project_is_stopped_and_owned_by_its_maker(
    manager: ProjectManager, ada: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    assert project.title == "Small graphs"
    assert project.state is State.OPENED
    assert project.members == (Member("ada", "ada", "owner"),)
    assert await manager.list_projects(ada) == [project]
    assert project.project_id in fake_hub.users


@pytest.mark.parametrize("title", ["", " \n", "x" * 201, "bell\a"])
async def test_an_unusable_title_makes_no_project(
    manager: ProjectManager, ada: Account, title: str
) -> None:
    with pytest.raises(InvalidInputError, match="1 to 200"):
        await manager.create(ada, title)
    assert await manager.list_projects(ada) == []


Operation = Callable[[ProjectManager, Account, ProjectId], Awaitable[object]]


@pytest.mark.parametrize(
    "operation",
    [
        lambda manager, who, where: manager.get_project(who, where),
        lambda manager, who, where: manager.start(who, where),
        lambda manager, who, where: manager.stop(who, where),
        lambda manager, who, where: manager.add_member(who, where, "bob"),
        lambda manager, who, where: manager.add_member(who, where, "noone"),
        lambda manager, who, where: manager.remove_member(who, where, "ada"),
    ],
)
@pytest.mark.parametrize("exists", [True, False])
async def test_strangers_get_one_answer_whether_the_project_exists_or_not(
    manager: ProjectManager, bob: Account, project: ProjectView, operation: Operation, exists: bool
) -> None:
    missing = ProjectId("b0000000-0000-4000-8000-000000000001")

    with pytest.raises(ProjectNotFoundError):
        await operation(manager, bob, project.project_id if exists else missing)


async def test_a_start_shows_its_progress_and_ends_running(
    manager: ProjectManager, ada: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    started = await manager.start(ada, project.project_id)
    assert started.state is State.STARTING
    assert started.progress is not None

    fake_hub.steps.put_nowait(Progress(60, "Waiting for the server"))
    fake_hub.steps.put_nowait(READY)
    await manager.wait_for_start(project.project_id)

    running = await manager.get_project(ada, project.project_id)
    assert (running.state, running.progress, running.error) == (State.RUNNING, None, None)
    assert (await manager.list_projects(ada))[0].state is State.RUNNING


async def test_starting_a_running_project_does_nothing(
    manager: ProjectManager, ada: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    fake_hub.servers[project.project_id] = ServerView(ready=True, pending=None)

    assert (await manager.start(ada, project.project_id)).state is State.RUNNING


async def test_a_start_that_somebody_else_began_is_followed(
    manager: ProjectManager, ada: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    fake_hub.servers[project.project_id] = ServerView(ready=False, pending="spawn")
    fake_hub.steps.put_nowait(READY)

    await start(manager, ada, project.project_id)

    assert (await manager.get_project(ada, project.project_id)).state is State.RUNNING


async def test_a_failed_start_says_why_until_the_next_one(
    manager: ProjectManager, ada: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    fake_hub.steps.put_nowait(Progress(100, "the disk is full", failed=True))
    await start(manager, ada, project.project_id)

    failed = await manager.get_project(ada, project.project_id)
    assert failed.state is State.OPENED
    assert failed.error == "The project did not start: the disk is full"

    fake_hub.steps.put_nowait(READY)
    await start(manager, ada, project.project_id)
    assert (await manager.get_project(ada, project.project_id)).error is None


async def test_a_hub_that_is_away_fails_the_start_with_a_reason(
    manager: ProjectManager, ada: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    fake_hub.failure = HubUnreachableError("JupyterHub", "refused")
    await start(manager, ada, project.project_id)

    failed = await manager.get_project(ada, project.project_id)
    assert failed.error == "JupyterHub does not answer (refused). Try again in a moment."


async def test_stopping_works_only_on_what_runs(
    manager: ProjectManager, ada: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    assert (await manager.stop(ada, project.project_id)).state is State.OPENED
    fake_hub.servers[project.project_id] = ServerView(ready=True, pending=None)
    assert (await manager.stop(ada, project.project_id)).state is State.OPENED
    fake_hub.servers[project.project_id] = ServerView(ready=False, pending="spawn")
    with pytest.raises(ProjectBusyError):
        await manager.stop(ada, project.project_id)
    fake_hub.servers[project.project_id] = ServerView(ready=True, pending="stop")
    with pytest.raises(ProjectBusyError):
        await manager.start(ada, project.project_id)


async def test_a_collaborator_lists_manages_and_leaves(
    manager: ProjectManager, ada: Account, bob: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    fake_hub.users.add("eve")
    added = await manager.add_member(ada, project.project_id, "Bob")
    assert [member.name for member in added.members] == ["ada", "bob"]

    await manager.add_member(bob, project.project_id, "eve")
    assert set(fake_hub.shares[project.project_id]) == {"ada", "bob", "eve"}
    await manager.remove_member(bob, project.project_id, "bob")

    assert await manager.list_projects(bob) == []
    assert set(fake_hub.shares[project.project_id]) == {"ada", "eve"}


async def test_adding_twice_is_adding_once(
    manager: ProjectManager, ada: Account, bob: Account, project: ProjectView
) -> None:
    first = await manager.add_member(ada, project.project_id, bob.hub_user)

    assert await manager.add_member(ada, project.project_id, bob.hub_user) == first


async def test_an_unknown_person_is_neither_added_nor_removed(
    manager: ProjectManager, ada: Account, project: ProjectView
) -> None:
    with pytest.raises(UnknownPersonError):
        await manager.add_member(ada, project.project_id, "noone")
    with pytest.raises(UnknownPersonError):
        await manager.remove_member(ada, project.project_id, "noone")


async def test_the_owner_stays(
    manager: ProjectManager, ada: Account, bob: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    await manager.add_member(ada, project.project_id, bob.hub_user)

    with pytest.raises(CannotRemoveOwnerError):
        await manager.remove_member(bob, project.project_id, "ada")
    assert "ada" in fake_hub.shares[project.project_id]


@pytest.mark.parametrize("running", [True, False])
async def test_only_a_running_project_is_told_to_forget_a_removed_member(
    manager: ProjectManager,
    ada: Account,
    bob: Account,
    project: ProjectView,
    fake_hub: FakeHub,
    running: bool,
) -> None:
    await manager.add_member(ada, project.project_id, bob.hub_user)
    fake_hub.servers[project.project_id] = ServerView(ready=running, pending=None)

    await manager.remove_member(ada, project.project_id, "bob")

    assert fake_hub.revoked == ([(project.project_id, "bob")] if running else [])


async def test_a_removal_that_was_interrupted_is_finished_by_doing_it_again(
    manager: ProjectManager, ada: Account, bob: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    await manager.add_member(ada, project.project_id, bob.hub_user)
    fake_hub.servers[project.project_id] = ServerView(ready=True, pending=None)
    fake_hub.failure = HubUnreachableError("JupyterHub", "refused")
    with pytest.raises(HubUnreachableError):
        await manager.remove_member(ada, project.project_id, "bob")
    fake_hub.failure = None

    await manager.remove_member(ada, project.project_id, "bob")

    assert set(fake_hub.shares[project.project_id]) == {"ada"}
    assert fake_hub.revoked == [(project.project_id, "bob")]


async def test_a_project_that_does_not_listen_says_how_to_end_what_is_open(
    manager: ProjectManager, ada: Account, bob: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    await manager.add_member(ada, project.project_id, bob.hub_user)
    fake_hub.servers[project.project_id] = ServerView(ready=True, pending=None)
    fake_hub.revoke_failure = HubRefusedError("POST", "/revoke", 500, "broken")

    with pytest.raises(StillConnectedError, match="Stop the project"):
        await manager.remove_member(ada, project.project_id, "bob")
    assert set(fake_hub.shares[project.project_id]) == {"ada"}


async def test_concurrent_starts_are_one_start(
    manager: ProjectManager, ada: Account, project: ProjectView, fake_hub: FakeHub
) -> None:
    await asyncio.gather(*(manager.start(ada, project.project_id) for _ in range(4)))
    fake_hub.steps.put_nowait(READY)
    await manager.wait_for_start(project.project_id)

    assert (await manager.get_project(ada, project.project_id)).state is State.RUNNING
    assert fake_hub.steps.empty()
