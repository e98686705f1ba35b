"""The routes' REST API, spoken by the hub; it listens on its own loopback port.

The shape is configurable-http-proxy's, so that tools written for that one work here:

- ``GET /api/routes`` -> ``{routespec: {"target", "last_activity", ...data}}``;
- ``GET /api/routes/<routespec>`` -> one of them, 404 without;
- ``POST /api/routes/<routespec>`` with ``{"target", ...data}`` -> 201;
- ``DELETE /api/routes/<routespec>`` -> 204, 404 without.

Every request carries ``Authorization: token <secret>``. With host routing the first segment of
``<routespec>`` is the host. Times are UTC in ISO 8601.
"""

import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from .errors import InvalidRouteError
from .routes import Route, RouteTable

__all__ = ["make_api"]

_PREFIX = "/api/routes"
_MAX_BODY_BYTES = 64 * 1024
Now = Callable[[], datetime]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _RoutesApi:
    """Translates requests into calls on the table."""

    def __init__(self, table: RouteTable, now: Now, on_added: Callable[[str], None]) -> None:
        self._table = table
        self._now = now
        self._on_added = on_added

    async def list(self, _request: web.Request) -> web.Response:
        return web.json_response({route.routespec: _describe(route) for route in self._table})

    async def get(self, request: web.Request) -> web.Response:
        route = self._table.get(self._routespec(request))
        return web.json_response(_describe(route)) if route is not None else _refuse(404)

    async def post(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
            target = body.pop("target")
        except (ValueError, KeyError, AttributeError, TypeError):
            return _refuse(400, "The body must be a JSON object with a target.")
        if not isinstance(target, str):
            return _refuse(400, "The target must be an address.")
        body.pop("last_activity", None)
        route = self._table.add(self._routespec(request), target, body, self._now())
        self._on_added(route.routespec)
        return web.Response(status=201)

    async def delete(self, request: web.Request) -> web.Response:
        removed = self._table.remove(self._routespec(request))
        return web.Response(status=204) if removed else _refuse(404)

    def _routespec(self, request: web.Request) -> str:
        path = request.raw_path.partition("?")[0].removeprefix(_PREFIX) or "/"
        return path.lstrip("/") if self._table.by_host and path != "/" else path


def make_api(
    table: RouteTable, token: str, now: Now, on_added: Callable[[str], None] = lambda _: None
) -> web.Application:
    """Build the API application; ``token`` is the secret every request must carry.

    ``on_added`` is called with each routespec that was added or replaced.
    """
    api = _RoutesApi(table, now, on_added)
    app = web.Application(
        middlewares=[_authenticated(token), _errors_as_json], client_max_size=_MAX_BODY_BYTES
    )
    app.router.add_get(_PREFIX, api.list)
    app.router.add_get(_PREFIX + "/{routespec:.*}", api.get)
    app.router.add_post(_PREFIX + "{routespec:(/.*)?}", api.post)
    app.router.add_delete(_PREFIX + "{routespec:(/.*)?}", api.delete)
    return app


def _authenticated(token: str) -> Any:
    expected = f"token {token}".encode()

    @web.middleware
    async def check(request: web.Request, handler: _Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not token or not hmac.compare_digest(given, expected):
            return _refuse(403, "The Authorization header must carry the proxy's token.")
        return await handler(request)

    return check


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except InvalidRouteError as error:
        return _refuse(400, str(error))


def _describe(route: Route) -> dict[str, Any]:
    stamp = route.last_activity.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**route.data, "target": route.target, "last_activity": stamp}


def _refuse(status: int, message: str = "There is no such route.") -> web.Response:
    return web.json_response({"status": status, "message": message}, status=status)
