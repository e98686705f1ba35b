"""Requests answered by functions: the style of the hub and project APIs.

A request holds ``{name, args}``; the reply is the function's result, or ``{error: text}``
in the data (conat-core §15.5). Requests run concurrently, a bounded number at a time; the
others wait in the subscription's queue.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from ..client.client import Client
from ..client.subscription import Message, Subscription
from ..errors import ERROR_PREFIX, ConatError, RemoteError

__all__ = ["Handler", "Service", "call"]

_log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S: Final = 30.0
MAX_CONCURRENT_REQUESTS: Final = 100

Handler = Callable[[Message], Awaitable[object]]
"""Returns the data of the reply. Raises to answer with an error."""


class Service:
    """Answers the requests on one subject, from ``start`` until ``stop``."""

    def __init__(
        self,
        client: Client,
        subject: str,
        handler: Handler,
        *,
        queue: str | None = None,
        max_concurrent: int = MAX_CONCURRENT_REQUESTS,
    ) -> None:
        self.subject = subject
        self._client = client
        self._handler = handler
        self._queue = queue
        self._slots = asyncio.Semaphore(max_concurrent)
        self._requests: Subscription | None = None
        self._runner: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Subscribe; returns when the service can be reached. Raises what subscribing raises."""
        self._requests = await self._client.subscribe(self.subject, queue=self._queue)
        work = self._run(self._requests)
        self._runner = asyncio.create_task(work, name=f"service-{self.subject}")

    async def stop(self) -> None:
        """Give up pending requests; calling it again does nothing."""
        if self._requests is not None:
            self._requests.close()
        tasks = [task for task in (self._runner, *self._answering) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._runner = None

    async def _run(self, requests: Subscription) -> None:
        try:
            async for request in requests:
                await self._slots.acquire()
                task = asyncio.create_task(self._answer(request), name=f"answer-{self.subject}")
                self._answering.add(task)
                task.add_done_callback(self._answered)
        except ConatError as error:
            _log.error("the service on '%s' has ended: %s", self.subject, error)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._slots.release()

    async def _answer(self, request: Message) -> None:
        reply = await self._reply(request)
        try:
            await self._client.respond(request, reply)
        except ConatError as error:
            _log.warning("the answer to a request on '%s' is lost: %s", self.subject, error)

    async def _reply(self, request: Message) -> object:
        try:
            return await self._handler(request)
        except ConatError as error:
            return {"error": f"{ERROR_PREFIX}{error}"}
        except Exception as error:  # noqa: BLE001 - the asker is told, whatever a function raised
            _log.exception("a request on '%s' failed", self.subject)
            return {"error": f"{ERROR_PREFIX}{error}"}


async def call(
    client: Client,
    subject: str,
    name: str,
    args: Sequence[object] = (),
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    wait_for_interest: bool = True,
) -> Any:
    """Call a function of a service and return its result.

    A service that is not there yet is waited for, within the time, unless the caller
    wants to know at once (conat-core §15.2). Raises RemoteError with the text
    of an error reply, without its ``Error: ``, and what ``Client.request`` raises.
    """
    request = {"name": name, "args": list(args)}
    reply = await client.request(
        subject, request, timeout_s=timeout_s, wait_for_interest=wait_for_interest
    )
    result = reply.data
    if isinstance(result, dict) and result.get("error"):
        raise RemoteError(str(result["error"]).removeprefix(ERROR_PREFIX))
    return result
