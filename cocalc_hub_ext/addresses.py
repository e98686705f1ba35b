"""Which network addresses reach this machine alone."""

from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["is_loopback", "is_loopback_url"]


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches ``host``; no host means every address: False."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Return whether only this machine reaches the host of ``url``."""
    return is_loopback(urlsplit(url).hostname or "")
