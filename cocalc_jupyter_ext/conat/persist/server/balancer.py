"""Which persist server holds the data of an owner, and the service that tells (§1.3).

Every balancer must know the same ids in the same order, for as long as clients are connected:
two servers that open one file do not tell each other what changes.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from ...client.client import Client
from ...client.replies import Replies
from ...client.subscription import Subscription
from ...errors import ClientClosed, ConatError
from ...protocol.subjects import tokens

__all__ = ["RESUBSCRIBE_DELAY_S", "Balancer", "hash_of", "server_of"]

_log = logging.getLogger(__name__)

RESUBSCRIBE_DELAY_S: Final = 3.0


def hash_of(text: str) -> int:
    """Return the classic 31-multiplier hash over UTF-16 units, a signed 32-bit integer."""
    units = text.encode("utf-16-le", "surrogatepass")
    value = 0
    for low, high in zip(units[::2], units[1::2], strict=True):
        value = (value * 31 + (high << 8 | low)) & 0xFFFF_FFFF
    return value - 0x1_0000_0000 if value & 0x8000_0000 else value


def server_of(scope: str, ids: Sequence[str]) -> str:
    """Return the id of the server that holds the data of an owner; raises ValueError for no ids."""
    if not ids:
        msg = "there are no persist servers to choose from"
        raise ValueError(msg)
    return ids[abs(hash_of(scope)) % len(ids)]


class Balancer:
    """Answers ``<service>.<scope>.id`` with the id of a server, until closed (§1.3).

    It has a queue group of its own, so several balancers all answer, and the first answer
    counts. When its subscription ends it subscribes again after 3 seconds. An asker who has just
    come back is answered when its inbox can be reached.
    """

    def __init__(self, client: Client, service: str, ids: Sequence[str]) -> None:
        self.subject = f"{service}.*.id"
        self.ids = tuple(ids)
        self._client = client
        self._replies = Replies(client)
        self._requests: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Subscribe; returns when questions are answered. Raises what subscribing raises."""
        self._requests = await self._client.subscribe(self.subject)
        self._task = asyncio.create_task(self._run(self._requests), name=f"balancer-{self.subject}")

    async def close(self) -> None:
        """Stop answering; calling it again does nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._requests is not None:
            self._requests.close()
        await self._replies.close()

    async def _run(self, requests: Subscription) -> None:
        with suppress(ClientClosed):
            while True:
                try:
                    async for request in requests:
                        server_id = server_of(tokens(request.subject)[1], self.ids)
                        self._replies.send(request, server_id)
                except ClientClosed:
                    raise
                except ConatError as error:
                    _log.warning("the balancer '%s' is cut off: %s", self.subject, error)
                requests = self._requests = await self._subscribe_again()

    async def _subscribe_again(self) -> Subscription:
        while True:
            await asyncio.sleep(RESUBSCRIBE_DELAY_S)
            try:
                return await self._client.subscribe(self.subject)
            except ClientClosed:
                raise
            except ConatError as error:
                _log.warning("the balancer cannot subscribe to '%s': %s", self.subject, error)
