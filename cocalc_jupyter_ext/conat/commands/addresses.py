"""Hosts, base paths and the URLs made of them."""

import ipaddress
import socket
from typing import Final

__all__ = ["base_path_from_text", "is_loopback", "server_address"]

_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - recognised, not bound to


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host; raises OSError for an unknown one."""
    if host in _EVERYWHERE:
        return False
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    addresses = {str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found}
    return all(ipaddress.ip_address(each).is_loopback for each in addresses)


def base_path_from_text(text: str) -> str:
    """Return a base path as ``/a/b``, or empty for the root; raises ValueError."""
    path = text.rstrip("/")
    if not path:
        return ""
    if not path.startswith("/") or "//" in path or set("?#%\\") & set(path):
        raise ValueError(f"{text!r} is not a base path like /abc")
    if not path.isascii() or not path.isprintable() or " " in path:
        raise ValueError(f"the base path {text!r} may hold only visible ASCII characters")
    return path


def server_address(host: str, port: int, base_path: str) -> str:
    """Return the URL clients use; a server that listens everywhere is found on this machine."""
    name = "localhost" if host in _EVERYWHERE else host
    if ":" in name:
        name = f"[{name}]"
    return f"http://{name}:{port}{base_path}"
