"""Replies that nobody waits for, to askers who may not be reachable yet (conat-core §10.4).

A client that comes back asks as soon as its connection is up, and subscribes to its inbox again
only after it has heard ``info`` (§11.4). A reply that does not wait for the inbox is lost, and
the client waits out its time, which is 30 s by default.
"""

import asyncio
import logging
from typing import Final

from ..errors import ConatError
from .client import Client
from .subscription import Message

__all__ = ["MAX_WAITING", "Replies"]

_log = logging.getLogger(__name__)

MAX_WAITING: Final = 1_000
"""How many replies may wait for their askers; further ones are sent without waiting."""


class Replies:
    """Sends replies, each in its own time, until closed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sending: set[asyncio.Task[None]] = set()

    def send(self, request: Message, value: object) -> None:
        """Begin to answer a request; what keeps the answer from its asker is logged."""
        if len(self._sending) >= MAX_WAITING:
            self._send_at_once(request, value)
            return
        task = asyncio.create_task(self._send(request, value), name=f"reply-{request.subject}")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def cancel(self) -> None:
        """Give up what is still waiting."""
        for task in self._sending:
            task.cancel()

    async def close(self) -> None:
        """Give up what is still waiting, and wait until it has ended."""
        self.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _send(self, request: Message, value: object) -> None:
        try:
            await self._client.respond(request, value)
        except ConatError as error:
            _lost(request, error)

    def _send_at_once(self, request: Message, value: object) -> None:
        try:
            self._client.respond_sync(request, value)
        except ConatError as error:
            _lost(request, error)


def _lost(request: Message, error: ConatError) -> None:
    _log.warning("the answer to '%s' is lost, it is asked again: %s", request.subject, error)
