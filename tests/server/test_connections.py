import gc
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from cocalc_jupyter_ext.server.connections import UserSockets


class Connection(HTTPConnection):
    """A connection that only takes a close callback."""

    def set_close_callback(self, callback: Any) -> None:
        self.callback = callback


def make(kind: type[RequestHandler], user: str | None) -> Any:
    request = HTTPServerRequest(
        start_line=RequestStartLine("GET", "/", "HTTP/1.1"),
        headers=HTTPHeaders({"Host": "x"}),
        connection=Connection(),
    )
    handler: Any = kind(Application(), request)
    handler.user = user
    return handler


class Socket(WebSocketHandler):
    """A stock websocket that notes how it is closed."""

    closed: Any = None

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        self.closed = (code, reason)


class PoliteSocket(Socket):
    """A websocket with words of its own."""

    def close_revoked(self) -> None:
        self.closed = "in its own words"


class SyncProvider:
    def get_user(self, handler: Any) -> Any:
        return handler.user and SimpleNamespace(username=handler.user)


class AsyncProvider(SyncProvider):
    async def get_user(self, handler: Any) -> Any:
        return super().get_user(handler)


@pytest.mark.parametrize("provider", [SyncProvider(), AsyncProvider()])
async def test_the_sockets_of_one_user_are_closed_and_no_others(provider: Any) -> None:
    sockets = UserSockets()
    sockets.watch(provider)
    handlers = [
        make(Socket, "ben"),
        make(PoliteSocket, "ben"),
        make(Socket, "ann"),
        make(Socket, None),
        make(RequestHandler, "ben"),
    ]
    for handler in handlers:
        found = provider.get_user(handler)
        user = await found if hasattr(found, "__await__") else found
        assert (user and user.username) == handler.user

    assert sockets.close_user("ben") == 2
    assert sockets.close_user("ben") == 0

    assert handlers[0].closed == (1008, "You are no longer a member of this project.")
    assert handlers[1].closed == "in its own words"
    assert handlers[2].closed is None


async def test_a_socket_that_ended_is_forgotten() -> None:
    sockets, provider = UserSockets(), SyncProvider()
    sockets.watch(provider)
    handler = make(Socket, "ben")
    provider.get_user(handler)
    assert len(sockets) == 1

    del handler
    gc.collect()

    assert len(sockets) == 0
    assert sockets.close_user("ben") == 0
