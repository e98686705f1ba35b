"""A WebSocket, passed through as the bytes it is.

The handshake is forwarded like any request; after the target's ``101`` both connections become one
tunnel. Frames are not parsed, so text stays text, fragments, pings, extensions, close codes and
messages of any size pass unchanged, and no message is ever held whole: a receiver that is slow
stops the sender at the socket.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import aiohttp
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import StreamWriter
from multidict import CIMultiDict

from .forwarding import (
    ADDED_BY_CLIENT,
    client_of,
    relay_response,
    response_like,
    target_url,
)
from .headers import end_to_end, forwarded

__all__ = ["open_tunnel"]


class _Pipe:
    """One direction: what arrives at ``source`` is written to ``sink`` at once.

    It stands where aiohttp puts its WebSocket parser (``feed_data``, ``feed_eof``).
    """

    def __init__(
        self, source: BaseProtocol, sink: BaseProtocol, on_traffic: Callable[[], None]
    ) -> None:
        self._source = source
        self._sink = sink
        self._on_traffic = on_traffic
        self._wake = asyncio.Event()
        self._ended = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._on_traffic()
        if self._sink.transport is not None:
            self._sink.transport.write(data)
            if self._sink.writing_paused:
                self._source.pause_reading()
                self._wake.set()
        return False, b""

    def feed_eof(self) -> None:
        self._ended = True
        self._wake.set()

    async def run(self) -> None:
        """Let the source go on whenever the sink has caught up; return when the source ends."""
        writer = StreamWriter(self._sink, asyncio.get_running_loop())
        while not self._ended:
            await self._wake.wait()
            self._wake.clear()
            if not self._ended:
                await writer.drain()
                self._source.resume_reading()


async def open_tunnel(
    session: aiohttp.ClientSession,
    target: str,
    request: web.BaseRequest,
    on_traffic: Callable[[], None],
) -> web.StreamResponse:
    """Pass a WebSocket request to ``target`` and carry both directions until one side ends.

    A target that answers anything but 101 has its answer passed on. Raises aiohttp.ClientError
    when the target cannot be reached.
    """
    async with session.get(
        target_url(target, request),
        headers=_upgrading(forwarded(request.headers, client_of(request))),
        skip_auto_headers=ADDED_BY_CLIENT,
        allow_redirects=False,
    ) as upstream:
        if upstream.status != HTTPStatus.SWITCHING_PROTOCOLS:
            return await relay_response(upstream, request, keep_open=False)
        response = response_like(upstream, _upgrading(end_to_end(upstream.headers)))
        response.force_close()
        await response.prepare(request)
        await _carry(request, upstream, on_traffic)
        return response


async def _carry(
    request: web.BaseRequest, upstream: aiohttp.ClientResponse, on_traffic: Callable[[], None]
) -> None:
    connection = upstream.connection
    if connection is None or connection.protocol is None:
        return
    inner, outer = connection.protocol, request.protocol
    inner.read_timeout = None
    inwards, outwards = _Pipe(outer, inner, on_traffic), _Pipe(inner, outer, on_traffic)
    async with asyncio.TaskGroup() as pipes:
        running = [pipes.create_task(pipe.run()) for pipe in (inwards, outwards)]
        inner.set_parser(outwards, None)
        outer.set_parser(inwards)  # type: ignore[arg-type]  # any parser with the two verbs works
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()


def _upgrading(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    headers["Connection"] = "Upgrade"
    headers["Upgrade"] = "websocket"
    return headers
