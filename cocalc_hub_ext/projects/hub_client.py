"""JupyterHub's REST API as far as projects need it, with the service's own token.

Every call is bounded in time. An error status becomes HubRefusedError, silence
HubUnreachableError; a 404 that only means "there is none" is an answer, not an error.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote, urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from ..addresses import is_loopback_url
from ..errors import HubRefusedError, HubUnreachableError
from ..ids import ProjectId
from .lifecycle import Progress, ServerView, progress_from_event
from .membership import share_scopes

__all__ = ["HubClient"]

_REQUEST_S = 30
_START_S = 300
_MAX_CONNECTIONS = 50
_MAX_FOLLOWED_STARTS = 1000
_MAX_ANSWER_BYTES = 16 * 1024 * 1024
_PAGINATION = "application/jupyterhub-pagination+json"


class HubClient:
    """Talks to the hub at ``api_url`` and to projects below ``public_url``; owns connections."""

    def __init__(self, *, api_url: str, public_url: str, token: str) -> None:
        self._api_url = api_url.rstrip("/")
        self._public_url = public_url.rstrip("/")
        self._token = token
        self._http = _make_http(_MAX_CONNECTIONS)
        # Each stays open as long as a start takes; other questions must not wait behind them.
        self._event_streams = _make_http(_MAX_FOLLOWED_STARTS)

    def close(self) -> None:
        """Close all connections; idempotent."""
        self._http.close()
        self._event_streams.close()

    # Users

    async def fetch_user(self, name: str) -> dict[str, Any] | None:
        """Return the user model of a hub user, or None."""
        return await self._fetch(f"/users/{_quote(name)}")

    async def create_user(self, name: str) -> None:
        """Create a hub user; one that is there already is fine."""
        await self._call("POST", f"/users/{_quote(name)}", accept=(409,))

    async def ensure_user(self, name: str) -> None:
        """Create a hub user that is expected to be there; quieter in the hub's log if it is."""
        if await self.fetch_user(name) is None:
            await self.create_user(name)

    # Servers of projects

    async def fetch_server(self, project_id: ProjectId) -> ServerView | None:
        """Return what the hub knows of a project's server, or None when it never had one."""
        model = await self._fetch(f"/users/{project_id}/server")
        return None if model is None else ServerView(bool(model["ready"]), model["pending"])

    async def start_server(self, project_id: ProjectId) -> None:
        """Ask for a start; the hub answers before it is done."""
        await self._call("POST", f"/users/{project_id}/server")

    async def stop_server(self, project_id: ProjectId) -> None:
        """Stop a server and wait for it as long as the hub is willing to."""
        await self._call("DELETE", f"/users/{project_id}/server")

    async def iter_progress(self, project_id: ProjectId) -> AsyncGenerator[Progress]:
        """Yield the steps of a start in progress; the last one is ``ready`` or ``failed``.

        Ends without such a step when the hub ends the stream early.
        """
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        reading = asyncio.create_task(self._read_events(project_id, lines))
        try:
            while (line := await lines.get()) is not None:
                yield progress_from_event(json.loads(line))
            await reading
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    async def _read_events(self, project_id: ProjectId, lines: asyncio.Queue[str | None]) -> None:
        rest = b""

        def split(chunk: bytes) -> None:
            nonlocal rest
            *complete, rest = (rest + chunk).split(b"\n")
            for line in complete:
                if line.startswith(b"data:"):
                    lines.put_nowait(line[5:].decode())

        try:
            await self._send(
                "GET",
                f"{self._api_url}/users/{project_id}/server/progress",
                http=self._event_streams,
                streaming_callback=split,
                request_timeout=_START_S,
            )
        finally:
            lines.put_nowait(None)

    # Shares

    async def list_shares(self, project_id: ProjectId) -> dict[str, frozenset[str]]:
        """Return who has a share of a project's server, with its scopes."""
        found = await self._fetch_all(f"/shares/{project_id}/")
        return {
            share["user"]["name"]: frozenset(share["scopes"]) for share in found if share["user"]
        }

    async def list_running(self, name: str) -> set[str]:
        """Return the ids of the projects shared with a person whose server is ready."""
        found = await self._fetch_all(f"/users/{_quote(name)}/shared")
        return {share["server"]["user"]["name"] for share in found if share["server"].get("ready")}

    async def grant_share(self, project_id: ProjectId, name: str) -> None:
        """Let a person use a project."""
        body = {"user": name, "scopes": sorted(share_scopes(project_id))}
        await self._call("POST", f"/shares/{project_id}/", body)

    async def revoke_share(self, project_id: ProjectId, name: str) -> None:
        """Take a person's share of a project away, all of it."""
        await self._call("PATCH", f"/shares/{project_id}/", {"user": name})

    async def revoke_member(self, project_id: ProjectId, name: str) -> None:
        """Make a running project forget a person at once and close what they have open."""
        url = f"{self._public_url}/user/{project_id}/cocalc/api/members/revoke"
        await self._send("POST", url, {"name": name})

    # HTTP

    async def _call(
        self, method: str, path: str, body: Any = None, accept: tuple[int, ...] = ()
    ) -> None:
        try:
            await self._send(method, self._api_url + path, body)
        except HubRefusedError as error:
            if error.status not in accept:
                raise

    async def _fetch(self, path: str) -> dict[str, Any] | None:
        try:
            response = await self._send("GET", self._api_url + path)
        except HubRefusedError as error:
            if error.status == 404:
                return None
            raise
        model: dict[str, Any] = json.loads(response.body)
        return model

    async def _fetch_all(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        offset: int | None = 0
        while offset is not None:
            page = await self._fetch(f"{path}?{urlencode({'offset': offset})}")
            if page is None:
                break
            items += page["items"]
            following = page["_pagination"]["next"]
            offset = following["offset"] if following else None
        return items

    async def _send(
        self,
        method: str,
        url: str,
        body: Any = None,
        http: AsyncHTTPClient | None = None,
        **options: Any,
    ) -> HTTPResponse:
        request = HTTPRequest(
            url,
            method,
            headers={
                "Authorization": f"token {self._token}",
                "Accept": _PAGINATION,
                "Content-Type": "application/json",
            },
            body=None if body is None and method != "POST" else json.dumps(body),
            allow_nonstandard_methods=True,
            # The certificate names the public host; on loopback there is nobody in between.
            validate_cert=not is_loopback_url(url),
            **{"request_timeout": _REQUEST_S} | options,
        )
        try:
            return await (http or self._http).fetch(request)
        except HTTPClientError as error:
            if error.code == 599:
                raise HubUnreachableError("JupyterHub", str(error.message)) from error
            raise HubRefusedError(method, url, error.code, _reason(error)) from error
        except OSError as error:
            raise HubUnreachableError("JupyterHub", error.strerror or str(error)) from error


def _make_http(max_clients: int) -> AsyncHTTPClient:
    return AsyncHTTPClient(
        force_instance=True, max_clients=max_clients, max_body_size=_MAX_ANSWER_BYTES
    )


def _quote(name: str) -> str:
    return quote(name, safe="@~")


def _reason(error: HTTPClientError) -> str:
    """Return the sentence in an error answer; the hub and projects send ``{"message"}``."""
    body = error.response.body if error.response else b""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["message"])
    return error.message
