"""Where a request goes: the route table, pure and in memory.

A *routespec* is JupyterHub's: ``/path/`` or, with host routing, ``host.tld/path/``. Paths are
compared segment by segment after percent-decoding each segment, so ``%2F`` inside a segment never
turns into a separator, and ``/user/a`` never matches ``/user/ab/``. The longest prefix wins. The
route ``/`` answers for every host that has no route of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from .errors import InvalidRouteError

__all__ = ["MAX_ROUTES", "MAX_ROUTESPEC_CHARS", "Route", "RouteTable"]

MAX_ROUTES = 200_000
MAX_ROUTESPEC_CHARS = 4096

_Key = tuple[str, tuple[bytes, ...]]


@dataclass(slots=True)
class Route:
    """One route: ``target`` is scheme, host and port; ``data`` is JupyterHub's, kept as it is."""

    routespec: str
    target: str
    data: Mapping[str, Any]
    last_activity: datetime


@dataclass(slots=True)
class RouteTable:
    """All routes of a proxy. With ``by_host`` every routespec but ``/`` begins with a host."""

    by_host: bool = False
    _routes: dict[_Key, Route] = field(default_factory=dict)
    _depth: int = 0

    def add(self, routespec: str, target: str, data: Mapping[str, Any], now: datetime) -> Route:
        """Add or replace the route for ``routespec``; a replaced route keeps its activity.

        Raises InvalidRouteError for a routespec or target that can never match a request.
        """
        key = self._key(routespec)
        _check_target(routespec, target)
        previous = self._routes.get(key)
        if previous is None and len(self._routes) >= MAX_ROUTES:
            raise InvalidRouteError(routespec, f"the table is full ({MAX_ROUTES} routes).")
        active = previous.last_activity if previous else now
        route = self._routes[key] = Route(routespec, target.rstrip("/"), dict(data), active)
        self._depth = max(self._depth, len(key[1]))
        return route

    def remove(self, routespec: str) -> bool:
        """Remove the route for ``routespec`` and tell whether there was one."""
        return self._routes.pop(self._key(routespec), None) is not None

    def get(self, routespec: str) -> Route | None:
        """Return the route stored for exactly ``routespec``."""
        return self._routes.get(self._key(routespec))

    def match(self, host: str, path: str) -> Route | None:
        """Return the route for a request's ``Host`` header and raw path (no query string)."""
        segments = _segments(path)[: self._depth]
        name = _host_name(host) if self.by_host else ""
        for length in range(len(segments), -1, -1):
            route = self._routes.get((name, segments[:length]))
            if route is not None:
                return route
        return self._routes.get(("", ())) if self.by_host else None

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes.values())

    def __len__(self) -> int:
        return len(self._routes)

    def _key(self, routespec: str) -> _Key:
        if len(routespec) > MAX_ROUTESPEC_CHARS:
            raise InvalidRouteError(
                routespec[:80], f"it is longer than {MAX_ROUTESPEC_CHARS} characters."
            )
        host, slash, path = routespec.partition("/")
        if not slash:
            raise InvalidRouteError(routespec, "it needs a path; '/' at least.")
        if host and not self.by_host:
            raise InvalidRouteError(routespec, "it names a host, but host routing is off.")
        if self.by_host and not host and path:
            raise InvalidRouteError(routespec, "it needs a host in front, as host routing is on.")
        return host.lower(), _segments("/" + path)


def _segments(path: str) -> tuple[bytes, ...]:
    return tuple(unquote_to_bytes(part) for part in path.split("/") if part)


def _host_name(host: str) -> str:
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).lower()


def _check_target(routespec: str, target: str) -> None:
    try:
        parts = urlsplit(target)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidRouteError(routespec, f"its target {target!r} is not an http(s) address.")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
        raise InvalidRouteError(
            routespec, f"its target {target!r} has more than scheme, host and port."
        )
