"""Error pages: the hub's own where it answers, a plain readable sentence where it does not."""

import logging
from http import HTTPStatus
from urllib.parse import quote

import aiohttp
from aiohttp import web
from yarl import URL

from .headers import end_to_end

__all__ = ["explain_failure"]

_log = logging.getLogger(__name__)
_PAGE_TIMEOUT = aiohttp.ClientTimeout(total=5)
_MAX_PAGE_BYTES = 1024 * 1024
_SENTENCES = {
    404: "Nothing is served at this address. Check the address, or start from the first page.",
    503: "The server behind this address does not answer. It may be stopped or still starting; "
    "try again in a moment.",
    504: "The server behind this address took too long to answer. Try again in a moment.",
}


async def explain_failure(
    session: aiohttp.ClientSession, error_target: str, request: web.BaseRequest, status: int
) -> web.Response:
    """Answer ``status`` with the hub's page for it (``<error_target><status>?url=``)."""
    if not error_target:
        return _plain(status)
    url = URL(f"{error_target}{status}?url={quote(request.raw_path, safe='')}", encoded=True)
    try:
        async with session.get(url, timeout=_PAGE_TIMEOUT, allow_redirects=False) as page:
            if page.status >= HTTPStatus.INTERNAL_SERVER_ERROR and page.status != status:
                return _plain(status)
            body = await page.content.read(_MAX_PAGE_BYTES)
            headers = end_to_end(page.headers)
    except (aiohttp.ClientError, TimeoutError) as error:
        _log.warning("The hub's error page could not be fetched: %s", error)
        return _plain(status)
    headers.popall("Content-Length", None)
    headers.popall("Set-Cookie", None)
    return web.Response(status=status, headers=headers, body=body)


def _plain(status: int) -> web.Response:
    title = f"{status} {HTTPStatus(status).phrase}"
    return web.Response(status=status, text=f"{title}\n\n{_SENTENCES[status]}\n")
