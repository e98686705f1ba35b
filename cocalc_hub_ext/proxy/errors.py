"""What can go wrong in the proxy, as classes with data.

::

    ProxyError
    ├── InvalidRouteError      a route cannot be stored as it was given
    ├── CannotListenError      a port is taken, or may not be used by this user
    ├── InvalidSettingError    an option cannot be used as it was given
    └── ProxyDiedError         the proxy's process ended while it was starting
"""

from ..errors import HubError

__all__ = [
    "CannotListenError",
    "InvalidRouteError",
    "InvalidSettingError",
    "ProxyDiedError",
    "ProxyError",
]


class ProxyError(HubError):
    """Root of the proxy's errors."""

    code = "proxy-error"


class InvalidRouteError(ProxyError):
    """A route cannot be stored as it was given."""

    code = "invalid-route"

    def __init__(self, routespec: str, reason: str) -> None:
        super().__init__(f"The route {routespec!r} cannot be used: {reason}")
        self.routespec = routespec
        self.reason = reason


class CannotListenError(ProxyError):
    """An address cannot be listened on."""

    code = "cannot-listen"

    def __init__(self, host: str, port: int, reason: str, remedy: str) -> None:
        where = f"{host or '*'}:{port}"
        super().__init__(f"The proxy cannot listen on {where}: {reason}. {remedy}")
        self.host = host
        self.port = port
        self.reason = reason


class InvalidSettingError(ProxyError):
    """An option cannot be used as it was given."""

    code = "invalid-setting"


class ProxyDiedError(ProxyError):
    """The proxy's process ended while it was starting."""

    code = "proxy-died"

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(
            f"The proxy's process ended with exit code {exit_code} while it was starting; "
            "its last lines above say why."
        )
        self.exit_code = exit_code
