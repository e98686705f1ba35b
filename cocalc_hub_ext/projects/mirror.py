"""Keeps JupyterHub's users and shares equal to our tables (design D16).

Two changes of one project must not interleave: each would take the shares away that the other
has just given. So a project is mirrored under a lock, from a fresh read of its members.
"""

import asyncio
import logging
from weakref import WeakValueDictionary

from sqlalchemy.orm import Session

from ..db.accounts import list_accounts
from ..db.engine import Database
from ..db.projects import fetch_project, iter_projects
from ..errors import HubError
from ..ids import ProjectId
from .hub_client import HubClient
from .membership import diff_shares, is_member, share_scopes

__all__ = ["Mirror"]

log = logging.getLogger("cocalc.hub.projects")


class Mirror:
    """Writes users and shares of projects into the hub."""

    def __init__(self, database: Database, hub: HubClient) -> None:
        self._database = database
        self._hub = hub
        self._locks: WeakValueDictionary[ProjectId, asyncio.Lock] = WeakValueDictionary()

    async def update(self, project_id: ProjectId) -> None:
        """Make the hub agree with our table about one project."""
        lock = self._locks.setdefault(project_id, asyncio.Lock())
        async with lock:
            await self._hub.ensure_user(project_id)
            await self._update_shares(project_id)

    async def update_all(self) -> None:
        """Make the hub agree about every project; one that fails does not stop the others."""
        for project_id in await self._list_ids():
            try:
                await self.update(project_id)
            except HubError as error:
                log.warning(
                    "Project %s: its members were not brought up to date: %s", project_id, error
                )

    async def _list_ids(self) -> list[ProjectId]:
        return await self._database.read(
            lambda session: [project.project_id for project in iter_projects(session)]
        )

    async def _update_shares(self, project_id: ProjectId) -> None:
        names = await self._member_names(project_id)
        shares = await self._hub.list_shares(project_id)
        changes = diff_shares(names, shares, share_scopes(project_id))
        for name in changes.revoke:
            await self._hub.revoke_share(project_id, name)
        for name in changes.grant:
            await self._hub.grant_share(project_id, name)

    async def _member_names(self, project_id: ProjectId) -> list[str]:
        def names(session: Session) -> list[str]:
            project = fetch_project(session, project_id)
            users = project.users if project else {}
            members = [account for account in users if is_member(users, account)]
            return [account.hub_user for account in list_accounts(session, members).values()]

        return await self._database.read(names)
