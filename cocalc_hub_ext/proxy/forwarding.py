"""One HTTP request, passed to its target and answered with the target's response.

Bodies stream in both directions in chunks and are never held whole; a slow receiver slows the
sender. Content codings, redirects and cookies pass untouched. When either side goes away, so does
the other.
"""

import logging

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from .headers import Client, end_to_end, forwarded

__all__ = [
    "ADDED_BY_CLIENT",
    "client_of",
    "forward_request",
    "relay_response",
    "remove_added_headers",
    "response_like",
    "target_url",
]

_log = logging.getLogger(__name__)
SENT_BY_TARGET = web.ResponseKey("sent_by_target", frozenset[str])
# What aiohttp would add on its own to a request that does not carry it.
ADDED_BY_CLIENT = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


def client_of(request: web.BaseRequest) -> Client:
    """Describe the connection that ``request`` came over."""
    transport = request.transport
    name = transport.get_extra_info("sockname") if transport is not None else None
    port = name[1] if isinstance(name, tuple) else 0
    return Client(address=request.remote or "", port=port, scheme=request.scheme)


def target_url(target: str, request: web.BaseRequest) -> URL:
    """Join a route's target and the request's own path and query, byte for byte."""
    path = request.raw_path
    if not path.startswith("/"):  # absolute form, as sent to forward proxies
        path = request.rel_url.raw_path_qs
    return URL(target + path, encoded=True)


async def forward_request(
    session: aiohttp.ClientSession, target: str, request: web.BaseRequest
) -> web.StreamResponse:
    """Pass ``request`` to ``target`` and stream the response back.

    Raises aiohttp.ClientError as long as nothing has been sent to the caller; afterwards a failure
    of the target cuts the connection, so that a broken answer cannot look complete.
    """
    async with session.request(
        request.method,
        target_url(target, request),
        headers=forwarded(request.headers, client_of(request)),
        data=request.content if request.body_exists else None,
        skip_auto_headers=ADDED_BY_CLIENT,
        allow_redirects=False,
    ) as upstream:
        return await relay_response(upstream, request)


async def relay_response(
    upstream: aiohttp.ClientResponse, request: web.BaseRequest, *, keep_open: bool = True
) -> web.StreamResponse:
    """Stream ``upstream`` to the caller; cut the caller's connection when it breaks off."""
    response = response_like(upstream, end_to_end(upstream.headers))
    if not keep_open:
        response.force_close()
    try:
        await response.prepare(request)
        async for chunk in upstream.content.iter_any():
            await response.write(chunk)
    except (aiohttp.ClientError, TimeoutError) as error:
        _log.warning("A response of %s was cut off: %r", upstream.url.origin(), error)
        if request.transport is not None:
            request.transport.abort()
    return response


def response_like(
    upstream: aiohttp.ClientResponse, headers: CIMultiDict[str]
) -> web.StreamResponse:
    """Make a response with the status of ``upstream`` that will carry ``headers`` and no others."""
    response = web.StreamResponse(status=upstream.status, reason=upstream.reason, headers=headers)
    response[SENT_BY_TARGET] = frozenset(name.lower() for name in headers)
    return response


async def remove_added_headers(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Take back what aiohttp adds to a response on its own (an ``on_response_prepare`` signal)."""
    sent = response.get(SENT_BY_TARGET)
    if sent is None:
        return
    for name in ("Content-Type", "Server"):
        if name.lower() not in sent:
            response.headers.popall(name, None)
