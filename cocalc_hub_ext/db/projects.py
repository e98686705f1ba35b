"""Projects: title, members and the last recorded state of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..ids import AccountId, ProjectId
from .models import ProjectRow
from .types import has_key

__all__ = [
    "Project",
    "Users",
    "create_project",
    "fetch_project",
    "iter_projects",
    "list_projects_of",
    "save_state",
    "save_users",
]

Users = dict[AccountId, dict[str, Any]]

_PAGE = 500


@dataclass(frozen=True)
class Project:
    """A project as the rest of the hub sees one; ``users`` and ``state`` as in §7.2, §6.2."""

    project_id: ProjectId
    title: str
    description: str
    users: Users
    state: dict[str, Any]
    created: datetime
    last_edited: datetime


def create_project(
    session: Session,
    *,
    project_id: ProjectId,
    title: str,
    description: str,
    users: Users,
    now: datetime,
) -> Project:
    """Insert a project that is not running (``opened``, hub-project-api §6.2)."""
    row = ProjectRow(
        project_id=project_id,
        title=title,
        description=description,
        users=dict(users),
        state={"state": "opened", "time": now.isoformat()},
        created=now,
        last_edited=now,
        deleted=False,
    )
    session.add(row)
    session.flush()
    return _project_from_row(row)


def fetch_project(
    session: Session, project_id: ProjectId, *, for_update: bool = False
) -> Project | None:
    """Return a project that is not deleted, or None.

    ``for_update`` keeps others from changing it until the transaction ends.
    """
    query = select(ProjectRow).where(
        ProjectRow.project_id == project_id, ProjectRow.deleted.is_(False)
    )
    row = session.scalar(query.with_for_update() if for_update else query)
    return None if row is None else _project_from_row(row)


def list_projects_of(session: Session, account_id: AccountId) -> list[Project]:
    """Return the projects that ``account_id`` is a member of, last edited first."""
    member = has_key(ProjectRow.users, account_id, session.get_bind().dialect.name)
    rows = session.scalars(
        select(ProjectRow)
        .where(member, ProjectRow.deleted.is_(False))
        .order_by(ProjectRow.last_edited.desc(), ProjectRow.project_id)
    )
    return [_project_from_row(row) for row in rows]


def iter_projects(session: Session) -> Iterator[Project]:
    """Yield every project that is not deleted, a bounded number in memory at a time."""
    rows = session.scalars(
        select(ProjectRow)
        .where(ProjectRow.deleted.is_(False))
        .order_by(ProjectRow.project_id)
        .execution_options(yield_per=_PAGE)
    )
    return (_project_from_row(row) for row in rows)


def save_users(session: Session, project_id: ProjectId, users: Users) -> None:
    """Replace the members of a project."""
    _update(session, project_id, users=dict(users))


def save_state(
    session: Session, project_id: ProjectId, state: dict[str, Any], *, edited: datetime | None
) -> None:
    """Record the state of a project, and when given the time somebody last used it."""
    touched = {} if edited is None else {"last_edited": edited}
    _update(session, project_id, state=state, **touched)


def _update(session: Session, project_id: ProjectId, **values: Any) -> None:
    session.execute(update(ProjectRow).where(ProjectRow.project_id == project_id).values(**values))


def _project_from_row(row: ProjectRow) -> Project:
    return Project(
        project_id=ProjectId(row.project_id),
        title=row.title,
        description=row.description,
        users={AccountId(key): value for key, value in row.users.items()},
        state=row.state,
        created=row.created,
        last_edited=row.last_edited,
    )
