"""The system API: who is connected, how much they move, and how to end it (conat-core §17).

For hubs and site administrators. It runs where a system password is configured. A server
stands alone: it tells its own address where a cluster is asked for, and cannot be linked.
"""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final, Self

from ..broker.broker import Broker
from ..client.client import Client
from ..client.subscription import Message
from ..errors import ConatError
from ..protocol.subjects import parse_subject
from ..types import ConnectionId, JsonValue, Subject
from .responder import Function
from .rpc import RpcService

__all__ = ["SystemService", "system_subject"]

DEFAULT_CLUSTER: Final = "default"
NODE_QUEUE: Final = "0"
_CLUSTER_METHODS: Final = ("join", "unjoin", "clusterTopology", "clusterAddresses")


def system_subject(cluster_name: str | None = None, server_id: str | None = None) -> Subject:
    """Return the subject of one server, or the one on which all of a cluster answer."""
    subject = f"sys.conat.{cluster_name or DEFAULT_CLUSTER}"
    return parse_subject(subject if server_id is None else f"{subject}.{server_id}", "system")


class SystemService:
    """Answers for one broker, through a client of it that may subscribe to ``sys``.

    Use as an asynchronous context manager. The client is the caller's.
    """

    def __init__(self, broker: Broker, client: Client) -> None:
        self._broker = broker
        identity = broker.identity
        # The original makes the name of the group like this, also where there is no cluster.
        queue = f"{identity.cluster_name or 'undefined'}-{identity.server_id}"
        cluster, server = identity.cluster_name, identity.server_id
        self._services = (
            RpcService(client, system_subject(cluster), self._of_all_servers(), queue=queue),
            RpcService(
                client, system_subject(cluster, server), self._of_this_server(), queue=NODE_QUEUE
            ),
        )
        self._started = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Subscribe to both subjects; raises what subscribing raises, and then has none."""
        async with AsyncExitStack() as stack:
            for service in self._services:
                await stack.enter_async_context(service)
            self._started = stack.pop_all()

    async def stop(self) -> None:
        """Answer no more; calling it again does nothing."""
        await self._started.aclose()

    # The functions

    def _of_all_servers(self) -> Mapping[str, Function]:
        return {**self._common(), **dict.fromkeys(_CLUSTER_METHODS, _wrong_service)}

    def _of_this_server(self) -> Mapping[str, Function]:
        return {
            **self._common(),
            "join": _stands_alone("join"),
            "unjoin": _stands_alone("unjoin"),
            "clusterTopology": self._cluster_topology,
            "clusterAddresses": self._cluster_addresses,
        }

    def _common(self) -> Mapping[str, Function]:
        return {"stats": self._stats, "usage": self._usage, "disconnect": self._disconnect}

    def _stats(self, request: Message) -> JsonValue:
        stats = {str(key): value.to_wire() for key, value in self._broker.stats().items()}
        return {self._broker.identity.server_id: stats}

    def _usage(self, request: Message) -> JsonValue:
        return {self._broker.identity.server_id: self._broker.usage().to_wire()}

    def _disconnect(self, request: Message, ids: object) -> None:
        wanted = [ids] if isinstance(ids, str) else ids
        if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
            raise ConatError("'disconnect' needs the id of a connection, or a list of ids")
        self._broker.disconnect(ConnectionId(each) for each in wanted)

    def _cluster_topology(self, request: Message) -> JsonValue:
        identity = self._broker.identity
        address = next(iter(self._broker.addresses), "")
        return {identity.cluster_name or DEFAULT_CLUSTER: {identity.server_id: address}}

    def _cluster_addresses(self, request: Message, cluster_name: object = None) -> JsonValue:
        own = self._broker.identity.cluster_name or DEFAULT_CLUSTER
        return list(self._broker.addresses) if cluster_name in (None, own) else []


def _wrong_service(request: Message, *args: object) -> None:
    raise ConatError("wrong service")


def _stands_alone(name: str) -> Callable[..., None]:
    def refuse(request: Message, *args: object) -> None:
        raise ConatError(f"'{name}' is not supported: this server is not part of a cluster")

    return refuse
