"""What a user may do, asked of Jupyter Server's authorizer, and asked again while connected.

View, edit and run are separate rights: "read" and "write" on "contents", "execute" on "kernels".
Every request asks. A websocket asks when it opens, and then every few seconds for as long as it
is open, so that its decisions are cheap for every update and yet never old. Where the authorizer
has no answer, the connection ends with a code after which a page keeps what it has and comes back.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async

from .connections import UserSockets

__all__ = ["EDIT", "RUN", "VIEW", "ChecksRights", "Right", "RightsWatch", "is_allowed", "missing"]

_TRY_LATER = 1013
_NO_ANSWER = "your rights cannot be checked at the moment"

_log = logging.getLogger(__name__)


class Right(NamedTuple):
    """An action on a resource, in the authorizer's words."""

    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.action} {self.resource}"


VIEW = Right("read", "contents")
EDIT = Right("write", "contents")
RUN = Right("execute", "kernels")


async def is_allowed(handler: JupyterHandler, right: Right) -> bool:
    """Return whether the handler's user has a right now."""
    answer = handler.authorizer.is_authorized(
        handler, handler.current_user, right.action, right.resource
    )
    return bool(await ensure_async(answer))


async def missing(handler: JupyterHandler, rights: Sequence[Right]) -> list[Right]:
    """Return those of the rights that the handler's user does not have now."""
    return [right for right in rights if not await is_allowed(handler, right)]


@runtime_checkable
class ChecksRights(Protocol):
    """A websocket that acts on rights which changed."""

    async def check_rights(self) -> None:
        """Ask the authorizer again; end, or go on with what is allowed now."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the connection."""
        ...


class RightsWatch:
    """Lets every open websocket that can do so check its rights, every ``interval_s`` seconds."""

    def __init__(self, sockets: UserSockets, interval_s: float) -> None:
        self._sockets = sockets
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to check."""
        self._task = asyncio.create_task(self._watch(), name="rights of open connections")

    async def stop(self) -> None:
        """End the checks; idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def check_all(self) -> None:
        """Check every connection once, side by side."""
        checked = [socket for socket in self._sockets.open() if isinstance(socket, ChecksRights)]
        await asyncio.gather(*[self._check(socket) for socket in checked])

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.check_all()

    async def _check(self, socket: ChecksRights) -> None:
        try:
            async with asyncio.timeout(max(1.0, self._interval_s)):
                await socket.check_rights()
        except Exception:  # noqa: BLE001 - no authorizer's failure lets anybody go on unchecked
            _log.exception("The rights of a connection could not be checked; it is closed")
            socket.close(_TRY_LATER, _NO_ANSWER)
