"""Where the subcommands of ``conat`` connect to, and with which credentials."""

import argparse
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..authentication.cookies import cookie_name
from ..client.client import Client
from ..transports.connect import connect, cookie_header
from .command_line import DEFAULT_SERVER
from .secrets_input import read_secret

__all__ = ["address_of", "credentials", "open_client"]


async def open_client(
    options: argparse.Namespace, environ: Mapping[str, str] = os.environ
) -> Client:
    """Return a client that is signed in; the caller closes it.

    Raises ValueError for unusable options and what ``connect`` raises.
    """
    hub_password = read_secret(options.hub_password_file, "CONAT_HUB_PASSWORD", environ)
    headers = credentials(options, environ, hub_password=hub_password)
    address = address_of(options, environ)
    return await connect(address, headers=headers, timeout_s=options.connect_timeout)


def address_of(options: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """Return the address of the server."""
    return str(options.server or environ.get("CONAT_SERVER") or DEFAULT_SERVER)


def credentials(
    options: argparse.Namespace, environ: Mapping[str, str], *, hub_password: str | None = None
) -> dict[str, str]:
    """Return the request headers that say who we are; raises ValueError."""
    headers: dict[str, str] = {}
    cookies = []
    cookie = read_secret(options.cookie_file, "CONAT_COOKIE", environ)
    if cookie is not None:
        cookies.append(_one_line(cookie, "cookie"))
    password = read_secret(options.system_password_file, "CONAT_SYSTEM_PASSWORD", environ)
    if password is not None:
        cookies.append(cookie_header({"sys": password}))
    if hub_password is not None:
        base_path = urlsplit(address_of(options, environ)).path
        cookies.append(cookie_header({cookie_name("hub_password", base_path): hub_password}))
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    token = read_secret(options.token_file, "CONAT_TOKEN", environ)
    if token is not None:
        headers["Authorization"] = f"token {_one_line(token, 'token')}"
    return headers


def _one_line(text: str, what: str) -> str:
    if not (text.isprintable() and text.isascii()):
        raise ValueError(f"the {what} must be one line of visible ASCII characters")
    return text
