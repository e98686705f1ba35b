"""Requests answered by functions: the style of the hub and project APIs.

A request holds ``{name, args}``; the reply is the function's result, or ``{error: text}``
in the data (conat-core §15.5). Requests run concurrently, a bounded number at a time; the
others wait in the subscription's queue.
"""

from collections.abc import Sequence
from typing import Any, Final

from ..client.client import Client
from ..errors import ERROR_PREFIX, RemoteError
from .responder import MAX_CONCURRENT_REQUESTS, Handler, Responder, in_data

__all__ = ["Handler", "Service", "call"]

DEFAULT_TIMEOUT_S: Final = 30.0


class Service(Responder):
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
        super().__init__(
            client, subject, handler, failure=in_data, queue=queue, max_concurrent=max_concurrent
        )


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
