"""What people do with projects: list, create, start, stop, add and remove members.

Every operation takes the acting account and answers ProjectNotFoundError unless it is a member,
so that nobody learns which ids exist. Our table changes first, then the hub follows; what the
hub missed is repaired by the next operation or at the next start of the service.
"""

from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from ..auth.identity import Identities
from ..db.accounts import Account, list_accounts
from ..db.engine import Database
from ..db.projects import (
    Project,
    Users,
    create_project,
    fetch_project,
    list_projects_of,
    save_state,
    save_users,
)
from ..errors import (
    HubError,
    InvalidInputError,
    ProjectNotFoundError,
    StartFailedError,
    StillConnectedError,
)
from ..ids import AccountId, ProjectId
from .hub_client import HubClient
from .lifecycle import (
    Progress,
    State,
    Step,
    decide_start,
    decide_stop,
    state_of_server,
    state_record,
)
from .membership import OWNER, add_member, is_member, remove_member
from .mirror import Mirror
from .starts import Report, Starts

__all__ = ["Member", "ProjectManager", "ProjectView"]

_MAX_TITLE = 200


@dataclass(frozen=True)
class Member:
    """A member as shown to other members."""

    name: str
    display_name: str
    group: str


@dataclass(frozen=True)
class ProjectView:
    """A project as shown to a member; ``progress`` while it starts, ``error`` of its last start."""

    project_id: ProjectId
    title: str
    state: State
    members: tuple[Member, ...]
    last_edited: datetime
    progress: Progress | None = None
    error: str | None = None


class ProjectManager:
    """Owns the starts in progress; ``close`` ends them."""

    def __init__(
        self,
        database: Database,
        hub: HubClient,
        identities: Identities,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._hub = hub
        self._identities = identities
        self._now = now
        self._new_id = new_id
        self._mirror = Mirror(database, hub)
        self._starts = Starts()

    async def close(self) -> None:
        """Stop following starts; idempotent."""
        await self._starts.close()

    async def reconcile(self) -> None:
        """Make the hub agree with our tables about all projects."""
        await self._mirror.update_all()

    # Looking

    async def list_projects(self, account: Account) -> list[ProjectView]:
        """Return the projects of an account, last edited first."""

        def work(session: Session) -> tuple[list[Project], dict[AccountId, Account]]:
            projects = list_projects_of(session, account.account_id)
            return projects, list_accounts(session, _members_of(projects))

        projects, accounts = await self._database.read(work)
        running = await self._hub.list_running(account.hub_user)
        return [
            self._view(
                project,
                State.RUNNING if project.project_id in running else State.OPENED,
                accounts,
            )
            for project in projects
            if is_member(project.users, account.account_id)
        ]

    async def get_project(self, account: Account, project_id: ProjectId) -> ProjectView:
        """Return one project with its state as the hub sees it now."""

        def work(session: Session) -> tuple[Project, dict[AccountId, Account]]:
            project = _get_project(session, account, project_id)
            return project, list_accounts(session, _members_of([project]))

        project, accounts = await self._database.read(work)
        state = state_of_server(await self._hub.fetch_server(project_id))
        return self._view(project, state, accounts)

    def _view(
        self, project: Project, state: State, accounts: dict[AccountId, Account]
    ) -> ProjectView:
        progress = self._starts.progress_of(project.project_id)
        stopped = progress is None and state is State.OPENED
        return ProjectView(
            project_id=project.project_id,
            title=project.title,
            state=state if progress is None else State.STARTING,
            members=tuple(_members(project.users, accounts)),
            last_edited=project.last_edited,
            progress=progress,
            error=project.state.get("error") if stopped else None,
        )

    # Life cycle

    async def create(self, account: Account, title: str) -> ProjectView:
        """Create a project owned by ``account``; raises InvalidInputError for a bad title."""
        project_id = ProjectId(str(self._new_id()))
        usable = _usable_title(title)
        await self._database.write(
            lambda session: create_project(
                session,
                project_id=project_id,
                title=usable,
                description="",
                users={account.account_id: {"group": OWNER}},
                now=self._now(),
            )
        )
        await self._hub.create_user(project_id)
        await self._mirror.update(project_id)
        return await self.get_project(account, project_id)

    async def start(self, account: Account, project_id: ProjectId) -> ProjectView:
        """Start a project unless it runs; returns at once, the view tells the progress.

        Raises ProjectBusyError while it stops.
        """
        view = await self.get_project(account, project_id)
        step = decide_start(view.state)
        if step is Step.ACT:
            self._starts.follow(project_id, lambda report: self._run_start(project_id, report))
        elif step is Step.WAIT:
            self._starts.follow(project_id, lambda report: self._follow(project_id, report))
        return await self.get_project(account, project_id)

    async def wait_for_start(self, project_id: ProjectId) -> None:
        """Wait until a start in progress has ended, well or badly."""
        await self._starts.wait(project_id)

    async def stop(self, account: Account, project_id: ProjectId) -> ProjectView:
        """Stop a project unless it is stopped; raises ProjectBusyError while it starts."""
        view = await self.get_project(account, project_id)
        if decide_stop(view.state) is Step.ACT:
            await self._hub.stop_server(project_id)
            await self._record(project_id, State.OPENED)
        return await self.get_project(account, project_id)

    async def _run_start(self, project_id: ProjectId, report: Report) -> None:
        await self._record(project_id, State.STARTING)
        try:
            await self._mirror.update(project_id)
            await self._hub.start_server(project_id)
        except HubError as error:
            await self._record(project_id, State.OPENED, str(error))
        else:
            await self._follow(project_id, report)

    async def _follow(self, project_id: ProjectId, report: Report) -> None:
        try:
            await self._watch(project_id, report)
        except HubError as error:
            await self._record(project_id, State.OPENED, str(error))
        else:
            await self._record(project_id, State.RUNNING)

    async def _watch(self, project_id: ProjectId, report: Report) -> None:
        progress = None
        async with aclosing(self._hub.iter_progress(project_id)) as steps:
            async for progress in steps:
                if progress.failed:
                    raise StartFailedError(progress.message)
                report(progress)
        if progress is None or not progress.ready:
            raise StartFailedError("JupyterHub stopped reporting. Start it again.")

    async def _record(self, project_id: ProjectId, state: State, error: str | None = None) -> None:
        now = self._now()
        edited = now if state is State.STARTING else None
        record = state_record(state, now, error)
        await self._database.write(
            lambda session: save_state(session, project_id, record, edited=edited)
        )

    # Members

    async def add_member(self, account: Account, project_id: ProjectId, name: str) -> ProjectView:
        """Add a person as collaborator; raises UnknownPersonError."""
        await self.get_project(account, project_id)
        person = await self._identities.get_person(name)
        await self._change_users(
            account, project_id, lambda users: add_member(users, person.account_id)
        )
        await self._mirror.update(project_id)
        return await self.get_project(account, project_id)

    async def remove_member(self, account: Account, project_id: ProjectId, name: str) -> None:
        """Remove a collaborator, also oneself, and end what that person has open.

        Doing it again finishes what an error interrupted. Raises UnknownPersonError,
        CannotRemoveOwnerError, StillConnectedError.
        """
        await self.get_project(account, project_id)
        person = await self._identities.get_person(name)
        await self._change_users(
            account,
            project_id,
            lambda users: remove_member(users, person.account_id, person.hub_user),
        )
        await self._mirror.update(project_id)
        await self._disconnect(project_id, person.hub_user)

    async def _disconnect(self, project_id: ProjectId, name: str) -> None:
        server = await self._hub.fetch_server(project_id)
        if state_of_server(server) is not State.RUNNING:
            return
        try:
            await self._hub.revoke_member(project_id, name)
        except HubError as error:
            raise StillConnectedError(name, str(error)) from error

    async def _change_users(
        self, account: Account, project_id: ProjectId, change: Callable[[Users], Users]
    ) -> None:
        def work(session: Session) -> None:
            project = _get_project(session, account, project_id, for_update=True)
            save_users(session, project_id, change(project.users))

        await self._database.write(work)


def _get_project(
    session: Session, account: Account, project_id: ProjectId, *, for_update: bool = False
) -> Project:
    project = fetch_project(session, project_id, for_update=for_update)
    if project is None or not is_member(project.users, account.account_id):
        raise ProjectNotFoundError
    return project


def _usable_title(title: str) -> str:
    usable = " ".join(title.split())
    if not usable or len(usable) > _MAX_TITLE or not usable.isprintable():
        raise InvalidInputError(f"Give the project a title of 1 to {_MAX_TITLE} characters.")
    return usable


def _members_of(projects: Iterable[Project]) -> set[AccountId]:
    return {account_id for project in projects for account_id in project.users}


def _members(users: Users, accounts: dict[AccountId, Account]) -> list[Member]:
    """Return the members whose account is known, owners first, then by name."""
    members = [
        Member(accounts[key].hub_user, accounts[key].display_name, users[key]["group"])
        for key in users
        if key in accounts and is_member(users, key)
    ]
    return sorted(members, key=lambda member: (member.group != OWNER, member.name))
