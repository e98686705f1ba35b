"""The public face: every request is matched to a route and forwarded or tunnelled."""

import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import aiohttp
from aiohttp import web

from .failures import explain_failure
from .forwarding import forward_request, remove_added_headers
from .headers import is_websocket_request
from .routes import Route, RouteTable
from .settings import Limits, ProxySettings
from .tunnels import open_tunnel

__all__ = ["make_app", "server_options"]

_log = logging.getLogger(__name__)
Now = Callable[[], datetime]


class _PublicFace:
    """Holds the table and the connections to targets; owns the client session."""

    def __init__(self, table: RouteTable, settings: ProxySettings, now: Now) -> None:
        self._table = table
        self._settings = settings
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def lifetime(self, _app: web.Application) -> AsyncIterator[None]:
        async with _open_session(self._settings.limits) as self._session:
            yield

    async def answer(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None, "requests come while the application runs"  # noqa: S101
        route = self._table.match(request.headers.get("Host", ""), _path(request))
        if route is None:
            return await self._explain(self._session, request, 404)
        try:
            return await self._pass_on(self._session, route, request)
        except aiohttp.SocketTimeoutError:
            status, reason = 504, "no answer in time"
        except aiohttp.ClientError as error:
            status, reason = 503, str(error) or type(error).__name__
        _log.warning("%s %s (%s): %s", status, route.routespec, route.target, reason)
        return await self._explain(self._session, request, status)

    async def _explain(
        self, session: aiohttp.ClientSession, request: web.BaseRequest, status: int
    ) -> web.Response:
        response = await explain_failure(session, self._settings.error_target, request, status)
        if is_websocket_request(request.method, request.headers):
            response.force_close()  # what follows on this connection is not HTTP
        return response

    async def _pass_on(
        self, session: aiohttp.ClientSession, route: Route, request: web.BaseRequest
    ) -> web.StreamResponse:
        def touch() -> None:
            route.last_activity = self._now()

        touch()
        if is_websocket_request(request.method, request.headers):
            return await open_tunnel(session, route.target, request, touch)
        response = await forward_request(session, route.target, request)
        touch()
        return response


def make_app(table: RouteTable, settings: ProxySettings, now: Now) -> web.Application:
    """Build the application that serves everything by ``table``; ``now`` stamps activity."""
    face = _PublicFace(table, settings, now)

    app = web.Application()
    app.router.add_route("*", r"/{path:[\s\S]*}", face.answer)
    app.cleanup_ctx.append(face.lifetime)
    app.on_response_prepare.append(remove_added_headers)
    return app


def server_options(limits: Limits) -> dict[str, object]:
    """Return the options of the aiohttp server that the application needs."""
    return {
        "access_log": None,
        "auto_decompress": False,
        "handler_cancellation": True,
        "keepalive_timeout": limits.idle_s,
        "max_field_size": limits.field_bytes,
        "max_line_size": limits.line_bytes,
        "read_bufsize": limits.buffer_bytes,
        "shutdown_timeout": 1.0,
    }


def _open_session(limits: Limits) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limits.connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(
            total=None, connect=limits.connect_s, sock_read=limits.silence_s
        ),
        max_line_size=limits.line_bytes,
        max_field_size=limits.field_bytes,
        read_bufsize=limits.buffer_bytes,
    )


def _path(request: web.BaseRequest) -> str:
    raw = request.raw_path
    return (raw if raw.startswith("/") else request.rel_url.raw_path_qs).partition("?")[0]
