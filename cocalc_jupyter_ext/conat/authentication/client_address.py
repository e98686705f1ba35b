"""Where a client connects from, for statistics only: headers can lie (conat-core §13.5)."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Final

from .cookies import header

__all__ = ["client_address"]

_HEADERS: Final = (
    "cf-connecting-ip",
    "x-client-ip",
    "x-forwarded-for",
    "fastly-client-ip",
    "true-client-ip",
    "x-real-ip",
    "x-cluster-client-ip",
    "appengine-user-ip",
    "x-forwarded",
    "forwarded-for",
    "forwarded",
)


def client_address(headers: Mapping[str, str], peer: str | None = None) -> str:
    """Return the first valid address in the headers of proxies, or else that of the peer.

    A peer without an address, for instance on a Unix socket, is the empty text.
    """
    for name in _HEADERS:
        for candidate in _candidates(header(headers, name) or ""):
            if _is_address(candidate):
                return candidate
    return peer or ""


def _candidates(value: str) -> Iterator[str]:
    """Yield what may be addresses: ``1.2.3.4, 5.6.7.8:90`` or ``for="[::1]:90";proto=http``."""
    for part in value.replace(";", ",").split(","):
        address = part.strip().removeprefix("for=").strip('"')
        if address.startswith("["):
            yield address[1:].partition("]")[0]
        elif address.count(":") == 1:
            yield address.partition(":")[0]
        else:
            yield address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
