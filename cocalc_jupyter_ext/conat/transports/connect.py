"""One call that gives a client which is connected and signed in."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from ..client.client import Client
from ..errors import RequestTimeout
from .tornado_client import TornadoTransport

__all__ = ["connect", "cookie_header"]

DEFAULT_TIMEOUT_S: Final = 30.0


def cookie_header(cookies: Mapping[str, str]) -> str:
    """Return the value of a ``Cookie`` header; the server decodes percent escapes (§13.1)."""
    return "; ".join(f"{name}={quote(value, safe='')}" for name, value in cookies.items())


async def connect(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
    ssl_options: ssl.SSLContext | None = None,
    prefix: str | None = None,
    timeout_s: float | None = DEFAULT_TIMEOUT_S,
) -> Client:
    """Connect to a server like ``https://host/base`` and sign in (conat-core §2, §13).

    ``cookies`` carry the credentials: ``hub_password``, ``api_key``, ``project_secret`` with
    ``project_id``, ``sys`` or ``remember_me``. ``prefix`` is the prefix of the inbox; the one
    that the server permits the user is the default. The caller closes the client. Raises
    ValueError for an address that is none, SignInFailed when the server refuses the
    credentials, RequestTimeout, with the last failure, after ``timeout_s`` (None waits on).
    """
    sent = dict(headers or {})
    if cookies:
        sent["Cookie"] = cookie_header(cookies)
    client = Client(TornadoTransport(url, headers=sent, ssl_options=ssl_options), prefix=prefix)
    client.start()
    try:
        async with asyncio.timeout(timeout_s):
            await client.wait_until_signed_in()
    except TimeoutError as error:
        await client.close()
        reason = f": {client.failure}" if client.failure else ""
        text = f"no server has answered at {url} within {timeout_s:g} s{reason}"
        raise RequestTimeout(text) from error
    except BaseException:
        await client.close()
        raise
    return client
