"""What happens to header fields on the way through a proxy; pure.

Hop-by-hop fields end here (RFC 9110 §7.6.1). Who asked is appended to ``X-Forwarded-*`` the way
configurable-http-proxy does it: earlier values stay in front, so that a proxy before this one is
still seen, and ``Host`` is passed on as it came.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from multidict import CIMultiDict, MultiMapping

__all__ = ["Client", "end_to_end", "forwarded", "is_websocket_request"]

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_APPENDED = ("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto")


@dataclass(frozen=True, slots=True)
class Client:
    """Who is connected to the proxy, and how: remote address, the port used, http or https."""

    address: str
    port: int
    scheme: str


def end_to_end(headers: MultiMapping[str]) -> CIMultiDict[str]:
    """Copy ``headers`` without the fields that concern one connection only."""
    named = {
        token.strip().lower()
        for value in headers.getall("Connection", ())
        for token in value.split(",")
    }
    dropped = _HOP_BY_HOP | named
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in dropped
    )


def forwarded(headers: MultiMapping[str], client: Client) -> CIMultiDict[str]:
    """Build the header fields of the request to the target.

    ``Expect`` is dropped because the proxy has answered it already.
    """
    result = end_to_end(headers)
    result.popall("Expect", None)
    for name, value in zip(
        _APPENDED, (client.address, str(client.port), client.scheme), strict=True
    ):
        result[name] = ",".join([*result.popall(name, ()), value])
    if "X-Forwarded-Host" not in result and "Host" in result:
        result["X-Forwarded-Host"] = result["Host"]
    return result


def is_websocket_request(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a request asks for a WebSocket (RFC 6455 §4.2.1)."""
    connection = headers.get("Connection", "").lower()
    return (
        method == "GET"
        and headers.get("Upgrade", "").lower() == "websocket"
        and "upgrade" in {token.strip() for token in connection.split(",")}
    )
