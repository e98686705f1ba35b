"""The proxy's process: options in, two listening servers, an orderly end.

Started by the hub it gets its sockets by number and an open standard input; when the hub dies, by
whatever means, that input ends and so does the proxy. Started by an administrator
(``python -m cocalc_hub_ext.proxy --port 8000 --api-port 8001``) it binds its own and runs until it
is told to stop. The API's secret comes from the environment and is removed from it at once.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from .api import make_api
from .app import make_app, server_options
from .errors import InvalidSettingError, ProxyError
from .listeners import bind_listeners, inherited_listener
from .routes import RouteTable
from .settings import ProxySettings

__all__ = ["TOKEN_VARIABLE", "main", "parse_options"]

# The name configurable-http-proxy uses, so that a set-up for that one keeps working.
TOKEN_VARIABLE = "CONFIGPROXY_AUTH_TOKEN"  # noqa: S105 - the name of the variable
_log = logging.getLogger(__name__)


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m cocalc_hub_ext.proxy",
        description=f"A reverse proxy for JupyterHub. {TOKEN_VARIABLE} holds the API's secret.",
    )
    add = parser.add_argument
    add("--ip", default="127.0.0.1", help="address to listen on; '' is all (%(default)s)")
    add("--port", type=int, default=8000, help="port to listen on (%(default)s)")
    add("--api-ip", default="127.0.0.1", help="address of the routes' API (%(default)s)")
    add("--api-port", type=int, default=8001, help="port of the routes' API (%(default)s)")
    add("--listen-fd", type=int, action="append", default=[], help="inherited socket to serve on")
    add("--api-fd", type=int, action="append", default=[], help="inherited socket of the API")
    add("--error-target", default="", help="the hub's address for error pages, .../hub/error/")
    add("--host-routing", action="store_true", help="routes begin with a host name")
    add("--ssl-key", default="", help="private key file; turns on https")
    add("--ssl-cert", default="", help="certificate file (chain)")
    add("--serve-after", default="", help="serve once this route exists; until then callers wait")
    add("--end-with-stdin", action="store_true", help="stop when standard input ends")
    add("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    return parser.parse_args(arguments)


def main() -> None:
    """Run the proxy until it is told to stop; exit with one line when it cannot start."""
    options = parse_options(sys.argv[1:])
    logging.basicConfig(
        level=options.log_level.upper(),
        format="[%(levelname).1s %(asctime)s.%(msecs)03d proxy] %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
    )
    try:
        asyncio.run(_run(options, _take_token()))
    except ProxyError as error:
        _log.critical("%s", error)
        sys.exit(1)


def _take_token() -> str:
    token = os.environ.pop(TOKEN_VARIABLE, "")
    if not token:
        raise InvalidSettingError(
            f"The proxy needs a secret for its API: set {TOKEN_VARIABLE}, and the same value in "
            "the hub's configuration (c.CoCalcProxy.auth_token)."
        )
    return token


async def _run(options: argparse.Namespace, token: str) -> None:
    _allow_many_connections()
    table = RouteTable(by_host=options.host_routing)
    settings = ProxySettings(error_target=options.error_target)
    public = make_app(table, settings, _utc_now)
    awaited = asyncio.Event()
    api = make_api(
        table,
        token,
        _utc_now,
        lambda added: awaited.set() if added == options.serve_after else None,
    )
    tls = _tls_context(options.ssl_key, options.ssl_cert)
    public_sockets = _listeners(options.listen_fd, options.ip, options.port)
    api_sockets = _listeners(options.api_fd, options.api_ip, options.api_port)
    end = _end_of_the_process(watch_stdin=options.end_with_stdin)
    async with _serving(api, api_sockets, None, {"access_log": None, "shutdown_timeout": 1.0}):
        if options.serve_after:
            await _first_of(awaited, end)
        async with _serving(public, public_sockets, tls, server_options(settings.limits)):
            _log.info("Serving on %s", ", ".join(_names(public_sockets)))
            await end.wait()


@contextlib.asynccontextmanager
async def _serving(
    app: web.Application,
    sockets: Sequence[socket.socket],
    tls: ssl.SSLContext | None,
    server: dict[str, object],
) -> AsyncIterator[None]:
    runner = web.AppRunner(app, **server)  # type: ignore[arg-type]  # passed on to the server
    await runner.setup()
    try:
        for each in sockets:
            await web.SockSite(runner, each, ssl_context=tls).start()
        yield
    finally:
        await runner.cleanup()


def _end_of_the_process(*, watch_stdin: bool) -> asyncio.Event:
    """Return what is set by SIGTERM, SIGINT or, when watched, the end of standard input."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def on_input() -> None:
        loop.remove_reader(sys.stdin.fileno())
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if watch_stdin:
        loop.add_reader(sys.stdin.fileno(), on_input)
    return ended


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for each in waiting:
        each.cancel()


def _listeners(descriptors: Sequence[int], host: str, port: int) -> list[socket.socket]:
    if descriptors:
        return [inherited_listener(each) for each in descriptors]
    return bind_listeners(host, port)


def _tls_context(key: str, certificate: str) -> ssl.SSLContext | None:
    """Build the context for https; None without key and certificate.

    Raises InvalidSettingError when only one is given or a file cannot be used.
    """
    if not key and not certificate:
        return None
    if not key or not certificate:
        raise InvalidSettingError("https needs both a key and a certificate file.")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(Path(certificate), Path(key))
    except OSError as error:
        raise InvalidSettingError(
            f"https cannot be served with {certificate} and {key}: {error}"
        ) from error
    return context


def _allow_many_connections() -> None:
    """Lift the soft limit of open files to the hard one: each connection takes two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _names(sockets: Sequence[socket.socket]) -> list[str]:
    return ["{}:{}".format(*each.getsockname()[:2]) for each in sockets]


def _utc_now() -> datetime:
    return datetime.now(UTC)
