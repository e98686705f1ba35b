"""The message fabric inside a project's server, at ``{base_url}conat/``.

Identity comes from Jupyter Server: its identity provider says who the user is, its
authorizer what they may do, its origin rules which pages may connect. A client can edit every
document, and run cells by what it writes into them, so it needs all of ``NEEDED``. An upgrade
without that is refused with 403. The project itself is a client of the same broker,
in process, and serves ``project.{id}.0.api.-``. The streams of the project and of its people
are served there too, on ``persist.>``, and the time on ``time.*.api``: without it CoCalc's
clients know no time for their first ten seconds, and open no document.
"""

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin

from ..conat.authentication.cookies import cookie_name, parse_cookies
from ..conat.broker.broker import Broker
from ..conat.client.client import Client
from ..conat.client.subscription import Message
from ..conat.persist.server.service import PersistService
from ..conat.protocol.subjects import project_subject
from ..conat.services.clock import time_service
from ..conat.services.service import Service
from ..conat.transports.loopback import LoopbackTransport
from ..conat.transports.tornado_endpoint import Endpoint, EndpointMixin
from ..conat.types import ProjectId, User
from ..project.catalogue import KNOWN_FUNCTIONS
from ..project.dispatch import ApiFunction, Dispatcher
from ..project.system import system_functions
from ..project.terminating import Terminating
from .authorizer import ProjectAuthorizer
from .identity import account_id_from_username
from .rights import EDIT, RUN, Right, missing

__all__ = ["NEEDED", "ConatHandler", "ConatService", "handlers"]

_log = logging.getLogger(__name__)

NEEDED: Final = (EDIT, RUN, Right("execute", "conat"))
"""The rights without which nobody is let in."""
API_COMPUTE_SERVER: Final = 0
"""The project itself, as opposed to a compute server of it."""
MAX_CALLS: Final = 300
"""Calls of the API at a time: more than may wait in all the groups of slow functions together."""
_HUB: Final = User("hub", "hub")
"""Whose the services of all owners are: nobody else may speak on their subjects."""
_API_KEY: Final = "api_key"
_TOKEN: Final = re.compile("[!-~]+")


class ConatService:
    """The broker of one project, and the project as its first client.

    Streams are kept below ``stream_folder``; without it there are none.
    """

    def __init__(
        self,
        project_id: ProjectId,
        *,
        stream_folder: Path | None = None,
    ) -> None:
        self.project_id = project_id
        self.broker = Broker(ProjectAuthorizer(project_id))
        self.endpoint = Endpoint(self.broker)
        self._dispatch = Dispatcher(system_functions(time.time), KNOWN_FUNCTIONS)
        self._stream_folder = stream_folder
        self._running = AsyncExitStack()
        self._ending: list[asyncio.Task[None]] = []
        self.terminating = Terminating()
        self.offer(self.terminating.functions())

    def offer(self, functions: Mapping[str, ApiFunction]) -> None:
        """Add functions, by their full names, to the project's API; each name once."""
        self._dispatch.offer(functions)

    def announce(self, address: str) -> None:
        """Name the server's address, for those who ask for the cluster's (conat-core §18)."""
        self.broker.addresses = (address,)

    async def start(self) -> None:
        """Connect the project and serve its API; returns when calls can be answered."""
        async with AsyncExitStack() as stack:
            await self._serve_api(stack)
            await self._serve_owners(stack)
            self._running = stack.pop_all()

    async def stop(self) -> None:
        """Stop serving and close all connections; calling it again does nothing."""
        await self._running.aclose()
        await asyncio.gather(*self._ending, return_exceptions=True)
        await self.broker.stop()

    async def _serve_api(self, stack: AsyncExitStack) -> None:
        project = User("project", self.project_id)
        client = await stack.enter_async_context(Client(LoopbackTransport(self.broker, project)))
        subject = project_subject(self.project_id, "api", compute_server_id=API_COMPUTE_SERVER)
        service = Service(client, subject, self._answer, max_concurrent=MAX_CALLS)
        stack.push_async_callback(service.stop)
        await service.start()
        self.terminating.add("api", partial(self._end_api, service))
        _log.info("project %s answers on %s", self.project_id, subject)

    async def _end_api(self, service: Service) -> None:
        """Begin to end the API; whoever asks for it is answered before it ends."""
        self._ending.append(asyncio.create_task(service.drain(), name="ending the API"))

    async def _serve_owners(self, stack: AsyncExitStack) -> None:
        """Serve what a hub serves to projects and accounts: the time, and their streams."""
        client = await stack.enter_async_context(Client(LoopbackTransport(self.broker, _HUB)))
        await stack.enter_async_context(time_service(client))
        if self._stream_folder is not None:
            await stack.enter_async_context(PersistService(client, self._stream_folder))

    async def _answer(self, request: Message) -> object:
        return await self._dispatch(request.data)


class ConatHandler(WebSocketMixin, EndpointMixin, JupyterHandler):
    """The WebSocket of one conat client."""

    auth_resource = "conat"
    ping_interval = 0  # Engine.IO has its own pings

    def initialize(self, endpoint: Endpoint, **kwargs: Any) -> None:
        """Remember the endpoint, and the ``project_id`` it belongs to."""
        self._project_id: ProjectId = kwargs.pop("project_id")
        super().initialize(endpoint, **kwargs)

    async def prepare(self, **options: Any) -> Any:
        """Let the cookie in which CoCalc's programs send their key count as a token."""
        self._take_api_key()
        return await super().prepare(**options)

    def _take_api_key(self) -> None:
        """Read the cookie ``api_key`` (conat-core §13.1), from programs alone.

        Pages always name their origin. For them a cookie must not count as a token, because
        whoever has a token may come from any origin.
        """
        headers = self.request.headers
        if "Origin" in headers or "Authorization" in headers:
            return
        cookies = parse_cookies(headers.get("Cookie", ""))
        key = cookies.get(cookie_name(_API_KEY, self.base_url)) or cookies.get(_API_KEY, "")
        if _TOKEN.fullmatch(key):
            headers["Authorization"] = f"token {key}"

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the WebSocket of a user who may edit and run here; 403 for others."""
        lacking = await missing(self, NEEDED)
        if lacking:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.set_status(403)
            await self.finish(_refusal(self.current_user.username, lacking))
            return
        await super().get(*args, **kwargs)

    async def check_rights(self) -> None:
        """End the connection when one of the rights it needs is gone."""
        lacking = await missing(self, NEEDED)
        if lacking:
            self.end_session(f"You may not {' and '.join(map(str, lacking))} any more.")

    async def authenticate(self) -> User:
        """Return the account of Jupyter's user."""
        username = self.current_user.username
        return User("account", account_id_from_username(username, self._project_id))

    def close_revoked(self) -> None:
        """End the connection because the user lost the right to be here."""
        self.end_session("You are no longer a member of this project.")


def _refusal(username: str, lacking: list[Right]) -> str:
    return (
        f"{username} may not {' and '.join(map(str, lacking))} here. Through conat one edits "
        "documents and runs code, so it needs all of these rights: "
        f"{', '.join(map(str, NEEDED))}. JupyterLab shows documents read-only without them.\n"
    )


def handlers(service: ConatService) -> list[tuple[str, type[JupyterHandler], dict[str, Any]]]:
    """Return the routes, relative to the base URL."""
    options = {"endpoint": service.endpoint, "project_id": service.project_id}
    return [("conat/", ConatHandler, options)]
