"""What a proxy process is told once, at its start."""

from dataclasses import dataclass

__all__ = ["Limits", "ProxySettings"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one request may take.

    ``line_bytes`` and ``field_bytes`` bound the request line and one header field,
    ``connect_s`` the wait for a connection to a target (and for a free place in the pool),
    ``silence_s`` the wait for the next bytes of a response, ``connections`` all connections to
    targets, ``buffer_bytes`` what is read ahead of a slow receiver on each side.
    """

    line_bytes: int = 32 * 1024
    field_bytes: int = 32 * 1024
    connect_s: float = 10.0
    silence_s: float = 3600.0
    idle_s: float = 75.0
    connections: int = 20_000
    buffer_bytes: int = 128 * 1024


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Where errors are explained, and how much is allowed.

    ``error_target`` is the hub's address for error pages (``.../hub/error/``) or "" for plain ones.
    """

    error_target: str = ""
    limits: Limits = Limits()
