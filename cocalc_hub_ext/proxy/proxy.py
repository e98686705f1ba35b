"""JupyterHub's handle on the proxy: starts it, feeds it routes, replaces it when it dies.

The proxy is a process of its own, so that the hub's event loop carries no traffic. The hub binds
the sockets and hands them over; while a dead proxy is replaced, new connections wait instead of
being refused. Routes live in the proxy's memory and are added again after a replacement.
"""

import asyncio
import contextlib
import os
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientResponse, ClientResponseError
from jupyterhub.httpclient import fetch
from jupyterhub.metrics import PROXY_POLL_DURATION_SECONDS
from jupyterhub.proxy import Proxy
from jupyterhub.utils import new_token, url_path_join
from traitlets import Enum, Float, Integer, Unicode, default
from yarl import URL

from .errors import CannotListenError, InvalidSettingError, ProxyDiedError
from .listeners import bind_listeners
from .server import TOKEN_VARIABLE

__all__ = ["CoCalcProxy"]

# All of the hub's environment that the proxy needs; nothing secret is among it.
_KEPT_VARIABLES = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "VIRTUAL_ENV")
_LONGEST_PAUSE_S = 30.0


class CoCalcProxy(Proxy):
    """The proxy of this package; see ``Proxy.should_start`` for running it outside of the hub."""

    api_url = Unicode(
        config=True,
        help="""
        Address of the proxy's API. Empty, the hub chooses a free loopback port for a proxy that it
        starts itself, and uses http://127.0.0.1:8001 for one that runs outside
        (``Proxy.should_start = False``).
        """,
    )
    auth_token = Unicode(
        config=True,
        help="""
        Secret of the proxy's API. Default: the environment's CONFIGPROXY_AUTH_TOKEN, or a new one
        at each start. A proxy that runs outside needs the same value in its environment.
        """,
    )
    log_level = Enum(
        ["debug", "info", "warning", "error"],
        "info",
        config=True,
        help="How much the proxy's process writes to standard error.",
    )
    start_timeout = Float(
        10.0, config=True, help="Seconds that the proxy's process may take to answer."
    )
    concurrency = Integer(
        10, min=1, config=True, help="Number of API requests sent to the proxy at the same time."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._listeners: list[socket.socket] = []
        self._api_listeners: list[socket.socket] = []
        self._requests = asyncio.BoundedSemaphore(self.concurrency)
        if not self.should_start and not self.auth_token:
            raise InvalidSettingError(
                "A proxy that runs outside of the hub needs c.CoCalcProxy.auth_token, or "
                f"{TOKEN_VARIABLE} in the hub's environment, with the proxy's own value."
            )

    @default("auth_token")
    def _default_auth_token(self) -> str:
        return os.environ.get(TOKEN_VARIABLE) or (str(new_token()) if self.should_start else "")

    @default("api_url")
    def _default_api_url(self) -> str:
        return "" if self.should_start else "http://127.0.0.1:8001"

    async def start(self) -> None:
        """Bind the sockets and start the process; a taken port ends the hub with one line."""
        try:
            self._check_supported()
            self._bind()
        except (CannotListenError, InvalidSettingError) as error:
            self.log.critical("%s", error)
            self.app.exit(1)
        await self._launch()
        self._watching = asyncio.create_task(self._watch(), name="watch the proxy's process")

    async def stop(self) -> None:
        """End the process and free the ports; may be called more than once."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        await self._end_process()
        for each in (*self._listeners, *self._api_listeners):
            each.close()
        self._listeners, self._api_listeners = [], []

    async def check_running(self) -> None:
        """Replace the process if it has ended, and add all routes to the new one."""
        if self._process is not None and self._process.returncode is None:
            return
        await self._launch()
        await self.restore_routes()

    async def restore_routes(self) -> None:
        """Add all routes to a new process; the hub's own comes last, as serving begins with it."""
        await self.add_all_users(self.app.users)
        await self.add_all_services(self.app._service_map)  # noqa: SLF001 - JupyterHub does so too
        for routespec, target in self.extra_routes.items():
            await self.add_route(routespec, target, {"extra": True})
        await self.add_hub_route(self.hub)
        self.log.info("The new proxy has its routes and serves")

    async def add_route(self, routespec: str, target: str, data: dict[str, Any] | None) -> None:
        """Add or replace a route. Raises aiohttp.ClientResponseError when the proxy refuses it."""
        routespec = self.validate_routespec(routespec)
        body = {**(data or {}), "target": target, "jupyterhub": True}
        await self._request("POST", routespec, body)

    async def delete_route(self, routespec: str) -> None:
        """Remove a route; one that is not there is only worth a warning."""
        try:
            await self._request("DELETE", self.validate_routespec(routespec))
        except ClientResponseError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            self.log.warning("Route %s was deleted already", routespec)

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """Return the hub's routes: routespec -> routespec, target, data (with last_activity)."""
        started = time.perf_counter()
        answer = await self._request("GET", "")
        routes = {
            routespec: _as_hub_route(routespec, route)
            for routespec, route in (await answer.json()).items()
            if route.get("jupyterhub")
        }
        PROXY_POLL_DURATION_SECONDS.observe(time.perf_counter() - started)
        return routes

    def _check_supported(self) -> None:
        if self.app.internal_ssl:
            raise InvalidSettingError(
                "This proxy does not support JupyterHub.internal_ssl. Install "
                "configurable-http-proxy and set c.JupyterHub.proxy_class to 'default'."
            )
        if not self.app.cleanup_proxy:
            self.log.warning(
                "JupyterHub.cleanup_proxy = False has no effect: a proxy started by the hub ends "
                "with it. Run `python -m cocalc_hub_ext.proxy` and set Proxy.should_start = False "
                "for one that stays."
            )
        if not self.ssl_key:
            self.log.warning(
                "Serving http, not https: let something in front end TLS, or use it at home only."
            )

    def _bind(self) -> None:
        public, api = urlsplit(self.public_url), urlsplit(self.api_url)
        if public.scheme not in {"http", "https"}:
            raise InvalidSettingError(
                f"The proxy cannot serve {self.public_url}; use http or https."
            )
        port = public.port or (443 if public.scheme == "https" else 80)
        self._listeners = bind_listeners(public.hostname or "", port)
        self._api_listeners = bind_listeners(api.hostname or "127.0.0.1", api.port or 0)
        host, api_port = self._api_listeners[0].getsockname()[:2]
        self.api_url = f"http://{f'[{host}]' if ':' in host else host}:{api_port}"

    async def _launch(self) -> None:
        listeners, api_listeners = _numbers(self._listeners), _numbers(self._api_listeners)
        self._process = await asyncio.create_subprocess_exec(
            *self._command(listeners, api_listeners),
            pass_fds=(*listeners, *api_listeners),
            stdin=PIPE,  # only the hub holds the other end: when it dies, so does the proxy
            env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
            | {TOKEN_VARIABLE: self.auth_token},
            start_new_session=True,  # Ctrl-C reaches the hub first, which then stops the proxy
        )
        self.log.info("Started the proxy (process %i) at %s", self._process.pid, self.public_url)
        await self._wait_until_it_answers(self._process)

    def _command(self, listeners: list[int], api_listeners: list[int]) -> list[str]:
        command = [sys.executable, "-m", "cocalc_hub_ext.proxy", "--end-with-stdin"]
        command += [f"--listen-fd={number}" for number in listeners]
        command += [f"--api-fd={number}" for number in api_listeners]
        command += [f"--serve-after={self.hub.routespec}"]
        command += [f"--log-level={self.log_level}"]
        command += [f"--error-target={url_path_join(self.hub.url, 'error')}/"]
        command += [f"--ssl-key={self.ssl_key}"] if self.ssl_key else []
        command += [f"--ssl-cert={self.ssl_cert}"] if self.ssl_cert else []
        command += ["--host-routing"] if self.host_routing else []
        return command

    async def _wait_until_it_answers(self, process: Process) -> None:
        """Ask for the routes: the question waits in the socket's queue until the proxy is up."""
        answered = asyncio.ensure_future(self._ask("GET", ""))
        ended = asyncio.ensure_future(process.wait())
        try:
            async with asyncio.timeout(self.start_timeout):
                await asyncio.wait((answered, ended), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise ProxyDiedError(process.returncode)
            answered.result()
        finally:
            answered.cancel()
            ended.cancel()

    async def _watch(self) -> None:
        """Replace the process each time it ends, waiting longer while replacements fail."""
        pause_s = 0.0
        while True:
            if self._process is not None:
                code = await self._process.wait()
                self.log.error("The proxy ended with exit code %s; starting it again", code)
            await asyncio.sleep(pause_s)
            try:
                await self.check_running()
                pause_s = 0.0
            except (OSError, TimeoutError, ClientError, ProxyDiedError) as error:
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s + 0.5)
                self.log.warning("No proxy: %s; the next try is in %s s", error, pause_s)
                await self._end_process()

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _request(self, method: str, routespec: str, body: Any = None) -> Any:
        async with self._requests:
            return await self._ask(method, routespec, body)

    async def _ask(self, method: str, routespec: str, body: Any = None) -> Any:
        path = f"/{routespec.lstrip('/')}" if routespec else ""
        answer = await fetch(
            URL(f"{self.api_url}/api/routes{path}", encoded=True),
            method=method,
            headers={"Authorization": f"token {self.auth_token}"},
            json=body,
            raise_for_status=False,
        )
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise await _refusal(answer)
        return answer


async def _refusal(answer: ClientResponse) -> ClientResponseError:
    """Turn the proxy's answer into the error that JupyterHub expects, with the proxy's words."""
    return ClientResponseError(
        answer.request_info,
        answer.history,
        status=answer.status,
        message=(await answer.text())[:500],
        headers=answer.headers,
    )


def _numbers(sockets: list[socket.socket]) -> list[int]:
    return [each.fileno() for each in sockets]


def _as_hub_route(routespec: str, route: dict[str, Any]) -> dict[str, Any]:
    data = {name: value for name, value in route.items() if name not in {"target", "jupyterhub"}}
    return {"routespec": routespec, "target": route["target"], "data": data}
