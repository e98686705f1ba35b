"""What all services share: requests in, answers out, a bounded number at a time.

The styles of calling differ in what a request looks like, in how many run at a time, and in
where the text of an error goes: into the data, or into the headers (conat-core §10.6, §15).
"""

import asyncio
import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Final, Self

from ..client.client import Client
from ..client.subscription import Message, Subscription
from ..errors import ERROR_PREFIX, ConatError, LimitExceeded
from ..protocol.codec import encode
from ..signals import Signal
from ..types import Headers

__all__ = [
    "Failure",
    "Function",
    "Handler",
    "Responder",
    "ServiceState",
    "in_data",
    "in_headers",
    "invoke",
]

_log = logging.getLogger(__name__)

MAX_CONCURRENT_REQUESTS: Final = 100
MAX_UNSENT_REPLIES: Final = 100
MAX_REPLY_BYTES: Final = 50_000_000
"""More than so much at once would disconnect an asker who reads slowly; the answer is an error."""

Handler = Callable[[Message], Awaitable[object]]
"""Returns the data of the reply. Raises to answer with an error."""

Function = Callable[..., object]
"""A function that can be called from afar.

It gets the request, whose subject tells who asks, and then the arguments. What it returns
may be awaited.
"""

Failure = Callable[[str], tuple[object, Headers]]
"""Returns the data and the headers that tell the text of an error."""


def in_data(text: str) -> tuple[object, Headers]:
    """Tell an error in the data of the reply (conat-core §15.2)."""
    return {"error": text}, None


def in_headers(text: str) -> tuple[object, Headers]:
    """Tell an error in the headers of a reply without data (conat-core §10.6)."""
    return None, {"error": text}


async def invoke(
    functions: Mapping[str, Function], request: Message, name: object, args: object
) -> object:
    """Call a function by its name. Raises ConatError for one that does not exist."""
    if not isinstance(name, str) or not isinstance(args, Sequence) or isinstance(args, str | bytes):
        raise ConatError("a call needs the name of a function and a list of arguments")
    function = functions.get(name)
    if function is None:
        raise ConatError(f"{name} not defined")
    result = function(request, *args)
    return await result if inspect.isawaitable(result) else result


class ServiceState(Enum):
    """What a service does."""

    STARTING = "starting"
    RUNNING = "running"
    CLOSED = "closed"


class Responder:
    """Answers the requests on one subject, from ``start`` until ``stop``.

    Requests that are too many wait in the subscription's queue; with ``max_concurrent`` 1
    they are handled strictly in order. A reply that waits for its asker to be reachable holds
    nobody else up, unless there are a hundred of them. ``success`` are the headers of a reply
    that tells no error. Use as an asynchronous context manager.
    """

    def __init__(
        self,
        client: Client,
        subject: str,
        handler: Handler,
        *,
        failure: Failure,
        success: Headers = None,
        queue: str | None = None,
        max_concurrent: int = MAX_CONCURRENT_REQUESTS,
    ) -> None:
        self.subject = subject
        self.state = ServiceState.CLOSED
        self.states: Signal[[ServiceState]] = Signal(f"state of service {subject}")
        self._client = client
        self._handler = handler
        self._failure = failure
        self._success = success
        self._queue = queue
        self._handling = asyncio.Semaphore(max_concurrent)
        self._places = asyncio.Semaphore(max_concurrent + MAX_UNSENT_REPLIES)
        self._requests: Subscription | None = None
        self._runner: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Subscribe; returns when the service can be reached. Raises what subscribing raises."""
        self._enter(ServiceState.STARTING)
        try:
            requests = await self._client.subscribe(self.subject, queue=self._queue)
        except BaseException:
            self._enter(ServiceState.CLOSED)
            raise
        self._requests = requests
        self._runner = asyncio.create_task(self._run(requests), name=f"service-{self.subject}")
        self._enter(ServiceState.RUNNING)

    async def stop(self) -> None:
        """Give up pending requests; calling it again does nothing."""
        if self._requests is not None:
            self._requests.close()
        tasks = [task for task in (self._runner, *self._answering) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._runner = None
        self._enter(ServiceState.CLOSED)

    async def drain(self) -> None:
        """Take no more requests, and stop when those that came are answered.

        An answer must not wait for this, since this waits for it.
        """
        if self._requests is not None:
            self._requests.close()
        if self._runner is not None:
            await self._runner
        await asyncio.gather(*self._answering, return_exceptions=True)
        await self.stop()

    def _enter(self, state: ServiceState) -> None:
        if state is not self.state:
            self.state = state
            self.states.emit(state)

    async def _run(self, requests: Subscription) -> None:
        try:
            async for request in requests:
                await self._places.acquire()
                task = asyncio.create_task(self._answer(request), name=f"answer-{self.subject}")
                self._answering.add(task)
                task.add_done_callback(self._answered)
        except ConatError as error:
            _log.error("the service on '%s' has ended: %s", self.subject, error)
        self._enter(ServiceState.CLOSED)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._places.release()

    async def _answer(self, request: Message) -> None:
        async with self._handling:
            value, headers = await self._reply(request)
        try:
            payload = encode(value)
            if len(payload) > MAX_REPLY_BYTES:
                raise LimitExceeded(_too_large(len(payload)))
            await self._client.respond(request, raw=payload, headers=headers)
        except ConatError as error:
            self._answer_lost(request, error)

    async def _reply(self, request: Message) -> tuple[object, Headers]:
        try:
            return await self._handler(request), self._success
        except ConatError as error:
            return self._failure(f"{ERROR_PREFIX}{error}")
        except Exception as error:  # noqa: BLE001 - the asker is told, whatever a function raised
            _log.exception("a request on '%s' failed", self.subject)
            return self._failure(f"{ERROR_PREFIX}{error}")

    def _answer_lost(self, request: Message, error: ConatError) -> None:
        """Try once, without waiting, to tell the asker why there is no answer (§15.2)."""
        _log.warning("the answer to a request on '%s' is lost: %s", self.subject, error)
        value, headers = self._failure(f"{ERROR_PREFIX}{error}")
        try:
            self._client.respond_sync(request, value, headers=headers)
        except ConatError as again:
            _log.info("a request on '%s' stays without an answer: %s", self.subject, again)


def _too_large(size_bytes: int) -> str:
    limit, size = MAX_REPLY_BYTES // 1_000_000, math.ceil(size_bytes / 1_000_000)
    return f"the answer has {size} MB, and at most {limit} MB can be sent; ask for less"
