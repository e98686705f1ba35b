"""The calls of clients: ``[name, arguments]``, errors in the headers (conat-core §10.6).

The server joins the queue group ``"0"``, so that one of several answers. Requests run
concurrently. A pattern with wildcards serves many subjects; a function sees the subject it
was called on, which is how it knows who asks.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from ..client.client import Client
from ..client.subscription import Message
from ..errors import ConatError, RemoteError, from_wire
from .responder import MAX_CONCURRENT_REQUESTS, Function, Responder, in_headers, invoke

__all__ = ["RpcService", "call", "call_many"]

DEFAULT_QUEUE: Final = "0"
DEFAULT_TIMEOUT_S: Final = 30.0
DEFAULT_MAX_WAIT_S: Final = 30.0


class RpcService(Responder):
    """Answers calls of these functions on a subject or pattern."""

    def __init__(
        self,
        client: Client,
        subject: str,
        functions: Mapping[str, Function],
        *,
        queue: str = DEFAULT_QUEUE,
        max_concurrent: int = MAX_CONCURRENT_REQUESTS,
    ) -> None:
        super().__init__(
            client,
            subject,
            self._handle,
            failure=in_headers,
            queue=queue,
            max_concurrent=max_concurrent,
        )
        self._functions = functions

    async def _handle(self, request: Message) -> object:
        data = request.data
        if not isinstance(data, list) or len(data) != 2:
            raise ConatError("a call must be an array of a name and a list of arguments")
        return await invoke(self._functions, request, *data)


async def call(
    client: Client,
    subject: str,
    name: str,
    args: Sequence[object] = (),
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    wait_for_interest: bool = False,
) -> Any:
    """Call a function and return its result.

    Raises RemoteError with the text of an error reply, and what ``Client.request`` raises.
    """
    reply = await client.request(
        subject, [name, list(args)], timeout_s=timeout_s, wait_for_interest=wait_for_interest
    )
    error = _error_of(reply)
    if error is not None:
        raise error
    return reply.data


async def call_many(
    client: Client,
    subject: str,
    name: str,
    args: Sequence[object] = (),
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    wait_for_interest: bool = False,
    max_wait_s: float = DEFAULT_MAX_WAIT_S,
    max_messages: int | None = None,
) -> AsyncGenerator[Any, None]:
    """Call a function of every service on a subject and yield the results as they come.

    An error reply is yielded as a RemoteError, so that the others still arrive. The iteration
    ends after ``max_messages``, or when one is waited for longer than ``max_wait_s``. Raises
    what ``Client.request_many`` raises.
    """
    replies = client.request_many(
        subject,
        [name, list(args)],
        timeout_s=timeout_s,
        wait_for_interest=wait_for_interest,
        max_wait_s=max_wait_s,
        max_messages=max_messages,
    )
    async with aclosing(replies):
        async for reply in replies:
            error = _error_of(reply)
            yield reply.data if error is None else error


def _error_of(reply: Message) -> RemoteError | None:
    headers = reply.headers
    if isinstance(headers, dict) and headers.get("error"):
        return from_wire(headers)
    return None
