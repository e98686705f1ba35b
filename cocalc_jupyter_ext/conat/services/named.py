"""Named services of accounts and projects (conat-core §15.1 to §15.3).

A service answers one request at a time, in order; the data of the reply is the result, or
``{error: text}``. ``"ping"`` is answered ``"pong"`` without asking the handler. A caller
waits for a service that is not there yet.
"""

import asyncio
import base64
from collections.abc import Mapping
from typing import Any, Final

from ..client.client import Client
from ..client.reconnect import retry_delays
from ..client.subscription import Message
from ..errors import ConatError, Disconnected, NoSubscribers, RemoteError, RequestTimeout
from ..protocol.subjects import parse_pattern
from ..types import Pattern
from .responder import Function, Handler, Responder, in_data, invoke

__all__ = ["NamedService", "ServiceClient", "service_subject", "typed"]

PING: Final = "ping"
PONG: Final = "pong"
QUEUE: Final = "0"
DEFAULT_TIMEOUT_S: Final = 10.0
MIN_PING_TIMEOUT_S: Final = 3.0
DEFAULT_WAIT_S: Final = 60.0


def service_subject(
    service: str,
    *,
    account_id: str | None = None,
    browser_id: str | None = None,
    project_id: str | None = None,
    compute_server_id: int | None = None,
    path: str | None = None,
) -> Pattern:
    """Return the subject of a service (conat-core §15.1).

    What is missing is written ``_``; the path is standard base64 of its UTF-8 bytes. With an
    account the form of accounts is used, whatever else is given. Raises InvalidSubject.
    """
    encoded = "_" if path is None else base64.b64encode(path.encode()).decode()
    if account_id is not None:
        place = f"{browser_id or '_'}.{project_id or '_'}.{encoded}"
        subject = f"services.account-{account_id}.{place}.{service}"
    elif project_id is not None:
        server = "_" if compute_server_id is None else compute_server_id
        subject = f"services.project-{project_id}.{server}.{service}.{encoded}"
    else:
        subject = f"public.{service}"
    return parse_pattern(subject, "service")


def typed(functions: Mapping[str, Function]) -> Handler:
    """Return the handler of a service whose requests are ``{name, args}`` (conat-core §15.3)."""

    async def handle(request: Message) -> object:
        data = request.data
        if not isinstance(data, dict):
            raise ConatError("a call must be an object with a name and a list of arguments")
        return await invoke(functions, request, data.get("name"), data.get("args", []))

    return handle


class NamedService(Responder):
    """Answers the requests on one subject, one at a time unless more are allowed.

    With ``answers_all`` the service shares its requests with nobody: every server of the
    subject answers, and the first reply wins.
    """

    def __init__(
        self,
        client: Client,
        subject: str,
        handler: Handler,
        *,
        answers_all: bool = False,
        max_concurrent: int = 1,
    ) -> None:
        async def handle(request: Message) -> object:
            return PONG if request.data == PING else await handler(request)

        queue = None if answers_all else QUEUE
        super().__init__(
            client, subject, handle, failure=in_data, queue=queue, max_concurrent=max_concurrent
        )


class ServiceClient:
    """The caller's side of one named service."""

    def __init__(
        self, client: Client, subject: str, *, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> None:
        self.subject = subject
        self._client = client
        self._timeout_s = timeout_s

    async def request(
        self, message: object = None, *, timeout_s: float | None = None, wait: bool = True
    ) -> Any:
        """Send a message and return the data of the reply (conat-core §15.2).

        With ``wait`` a service that is not there yet is waited for. Raises RemoteError with
        the text of an error reply, and what ``Client.request`` raises.
        """
        reply = await self._client.request(
            self.subject,
            message,
            timeout_s=self._timeout_s if timeout_s is None else timeout_s,
            wait_for_interest=wait,
        )
        data = reply.data
        if isinstance(data, dict) and data.get("error"):
            raise RemoteError(str(data["error"]))
        return data

    async def call(
        self, name: str, *args: object, timeout_s: float | None = None, wait: bool = True
    ) -> Any:
        """Call a function of a typed service (conat-core §15.3).

        Raises what ``request`` raises; the texts of what the service reports, and of a reply
        that does not come in time, name the function.
        """
        prefix = f"calling remote function '{name}': "
        try:
            message = {"name": name, "args": list(args)}
            return await self.request(message, timeout_s=timeout_s, wait=wait)
        except RemoteError as error:
            raise RemoteError(f"{prefix}{error}", error.code) from error
        except RequestTimeout as error:
            raise RequestTimeout(f"{prefix}{error}") from error

    async def ping(self, max_wait_s: float = MIN_PING_TIMEOUT_S) -> None:
        """Return when the service has answered; at least 3 s are given. Raises as ``request``."""
        timeout_s = max(MIN_PING_TIMEOUT_S, max_wait_s)
        answer = await self.request(PING, timeout_s=timeout_s, wait=False)
        if answer != PONG:
            raise ConatError(f"the service on '{self.subject}' does not answer '{PING}'")

    async def wait_for(self, timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Ping until the service answers. Raises RequestTimeout when it does not in time.

        Each ping is given more time than the one before (conat-sync §6.1). What waiting
        cannot change, like a refusal, is raised at once.
        """
        try:
            async with asyncio.timeout(timeout_s):
                for delay_s in retry_delays(1.0, 10.0):
                    try:
                        return await self.ping(delay_s)
                    except (NoSubscribers, RequestTimeout, Disconnected):
                        await asyncio.sleep(delay_s)
        except TimeoutError as error:
            text = f"timeout: no service has answered on '{self.subject}' within {timeout_s:g} s"
            raise RequestTimeout(text) from error
