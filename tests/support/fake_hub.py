"""JupyterHub's part in a project's life, in memory: users, shares, servers.

It has the methods of ``HubClient`` and keeps what they do; every call gives way to other tasks
once, so that what could interleave does.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Any

from cocalc_hub_ext.projects.lifecycle import Progress, ServerView
from cocalc_hub_ext.projects.membership import share_scopes

__all__ = ["FakeHub"]


class FakeHub:
    """A hub whose servers start when ``steps`` have been taken."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.shares: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
        self.servers: dict[str, ServerView] = {}
        self.revoked: list[tuple[str, str]] = []
        self.steps: asyncio.Queue[Progress] = asyncio.Queue()
        self.failure: Exception | None = None
        self.revoke_failure: Exception | None = None

    async def _take_part(self) -> None:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure

    async def fetch_user(self, name: str) -> dict[str, Any] | None:
        await self._take_part()
        return {"name": name} if name in self.users else None

    async def create_user(self, name: str) -> None:
        await self._take_part()
        self.users.add(name)

    async def ensure_user(self, name: str) -> None:
        await self.create_user(name)

    async def fetch_server(self, project_id: str) -> ServerView | None:
        await asyncio.sleep(0)
        return self.servers.get(project_id)

    async def start_server(self, project_id: str) -> None:
        await self._take_part()
        self.servers[project_id] = ServerView(ready=False, pending="spawn")

    async def stop_server(self, project_id: str) -> None:
        await self._take_part()
        self.servers[project_id] = ServerView(ready=False, pending=None)

    async def iter_progress(self, project_id: str) -> AsyncGenerator[Progress]:
        while True:
            step = await self.steps.get()
            self.servers[project_id] = ServerView(
                ready=step.ready, pending=None if step.ready or step.failed else "spawn"
            )
            yield step
            if step.ready or step.failed:
                return

    async def list_shares(self, project_id: str) -> dict[str, frozenset[str]]:
        await self._take_part()
        return dict(self.shares[project_id])

    async def list_running(self, name: str) -> set[str]:
        await asyncio.sleep(0)
        return {
            project
            for project, shares in self.shares.items()
            if name in shares and project in self.servers and self.servers[project].ready
        }

    async def grant_share(self, project_id: str, name: str) -> None:
        await self._take_part()
        self.shares[project_id][name] = share_scopes(project_id)  # type: ignore[arg-type]

    async def revoke_share(self, project_id: str, name: str) -> None:
        await self._take_part()
        self.shares[project_id].pop(name, None)

    async def revoke_member(self, project_id: str, name: str) -> None:
        await self._take_part()
        if self.revoke_failure is not None:
            raise self.revoke_failure
        self.revoked.append((project_id, name))
