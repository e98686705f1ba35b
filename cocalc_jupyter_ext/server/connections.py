"""The open websockets of every user, so that they can be ended when rights are revoked.

Checks are made when a socket opens; afterwards it would live on. Every websocket of the server
counts, also those of other extensions (kernels, terminals, events): they all ask the identity
provider who the user is, and that is where they are noted.
"""

import logging
from collections.abc import Awaitable
from inspect import isawaitable
from typing import Any, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from tornado.websocket import WebSocketClosedError, WebSocketHandler

__all__ = ["ClosesOnRevocation", "UserSockets"]

_POLICY_VIOLATION = 1008

_log = logging.getLogger(__name__)


@runtime_checkable
class ClosesOnRevocation(Protocol):
    """A socket that says goodbye in its own words."""

    def close_revoked(self) -> None:
        """End the connection because the user lost the right to be here."""
        ...


class _IdentityProvider(Protocol):
    get_user: Any


class UserSockets:
    """Who has which websockets open."""

    def __init__(self) -> None:
        self._users: WeakKeyDictionary[WebSocketHandler, str] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._users)

    def watch(self, identity_provider: _IdentityProvider) -> None:
        """Note every websocket that the identity provider finds a user for."""
        find_user = identity_provider.get_user

        def get_user(handler: Any) -> Any:
            found = find_user(handler)
            if not isinstance(handler, WebSocketHandler):
                return found
            return (
                self._note_later(found, handler)
                if isawaitable(found)
                else self._note(found, handler)
            )

        identity_provider.get_user = get_user

    def open(self) -> list[WebSocketHandler]:
        """Return the websockets that are open, and perhaps some that just ended."""
        return list(self._users)

    def close_user(self, username: str) -> int:
        """End every websocket of a user; return how many there were."""
        sockets = [socket for socket, user in list(self._users.items()) if user == username]
        for socket in sockets:
            del self._users[socket]
            _close(socket)
        return len(sockets)

    async def _note_later(self, found: Awaitable[Any], socket: WebSocketHandler) -> Any:
        return self._note(await found, socket)

    def _note(self, user: Any, socket: WebSocketHandler) -> Any:
        if user is not None:
            self._users[socket] = user.username
        return user


def _close(socket: WebSocketHandler) -> None:
    try:
        if isinstance(socket, ClosesOnRevocation):
            socket.close_revoked()
        else:
            socket.close(_POLICY_VIOLATION, "You are no longer a member of this project.")
    except WebSocketClosedError:
        _log.debug("a revoked socket was closed already")
