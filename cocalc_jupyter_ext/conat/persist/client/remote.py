"""Streams of a persist service as seen by its clients (conat-sync §1.10).

``acquire`` is the way to get one. All who use the same stream through the same client share one
socket; each has a handle of its own, and the last handle that is closed closes the socket.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakKeyDictionary, WeakSet

from ...client.client import Client
from ...errors import ConatError
from ..access import Owner, StorageOptions
from ..config import StreamConfig
from ..errors import StoreClosed
from ..messages import Inventory, NewMessage, Receipt, StoredMessage
from ..paths import check_path
from .calls import Calls
from .connection import Connection, ConnectionSettings
from .feeds import Feed

__all__ = ["DEFAULT_SERVICE", "PersistClient", "acquire"]

DEFAULT_SERVICE = "persist"

_Key: TypeAlias = tuple[str, StorageOptions]
"""The subject and the stream."""


@dataclass(slots=True)
class _Shared:
    """A connection and how many use it."""

    connection: Connection
    users: int = 0


_shared: WeakKeyDictionary[Client, dict[_Key, _Shared]] = WeakKeyDictionary()


class PersistClient:
    """A StreamAccess: one user's handle of a stream. Made by ``acquire``."""

    def __init__(self, connection: Connection, release: Callable[[], Awaitable[None]]) -> None:
        self._connection = connection
        self._release = release
        self._calls = Calls(connection)
        self._feeds: WeakSet[Feed] = WeakSet()
        self._is_closed = False

    async def set(self, message: NewMessage, *, timeout_s: float | None = None) -> Receipt:
        """Store a message; see StreamAccess."""
        return await self._open.set(message, timeout_s=timeout_s)

    async def set_many(
        self, messages: Sequence[NewMessage], *, timeout_s: float | None = None
    ) -> list[Receipt | ConatError]:
        """Store messages; see StreamAccess."""
        return await self._open.set_many(messages, timeout_s=timeout_s)

    async def get(
        self, *, seq: int | None = None, key: str | None = None, timeout_s: float | None = None
    ) -> StoredMessage | None:
        """Return a message; see StreamAccess."""
        return await self._open.get(seq=seq, key=key, timeout_s=timeout_s)

    def get_all(
        self,
        *,
        start_seq: int | None = None,
        end_seq: int | None = None,
        timeout_s: float | None = None,
        max_wait_s: float | None = None,
    ) -> AsyncGenerator[list[StoredMessage], None]:
        """Yield messages in batches; see StreamAccess."""
        return self._open.get_all(
            start_seq=start_seq, end_seq=end_seq, timeout_s=timeout_s, max_wait_s=max_wait_s
        )

    async def delete(
        self,
        *,
        all: bool = False,  # noqa: A002 - the name of the contract
        last_seq: int | None = None,
        seq: int | None = None,
        seqs: Sequence[int] | None = None,
        timeout_s: float | None = None,
    ) -> list[int]:
        """Delete messages; see StreamAccess."""
        return await self._open.delete(
            all=all, last_seq=last_seq, seq=seq, seqs=seqs, timeout_s=timeout_s
        )

    async def config(
        self, wanted: Mapping[str, object] | None = None, *, timeout_s: float | None = None
    ) -> StreamConfig:
        """Change or return the configuration; see StreamAccess."""
        return await self._open.config(wanted, timeout_s=timeout_s)

    async def inventory(self, *, timeout_s: float | None = None) -> Inventory:
        """Return how much there is; see StreamAccess."""
        return await self._open.inventory(timeout_s=timeout_s)

    async def keys(self, *, timeout_s: float | None = None) -> list[str]:
        """Return all keys; see StreamAccess."""
        return await self._open.keys(timeout_s=timeout_s)

    async def server_id(self, *, timeout_s: float | None = None) -> str:
        """Return the id of the server that holds the stream."""
        return await self._open.server_id(timeout_s=timeout_s)

    async def changefeed(self) -> Feed:
        """Return a new reader of changes; see StreamAccess."""
        if self._is_closed:
            raise StoreClosed
        feed = await self._connection.open_feed()
        self._feeds.add(feed)
        return feed

    async def close(self) -> None:
        """Give the stream up, and end the changefeeds of this handle; see StreamAccess."""
        if self._is_closed:
            return
        self._is_closed = True
        for feed in list(self._feeds):
            feed.close()
        await self._release()

    @property
    def _open(self) -> Calls:
        if self._is_closed:
            raise StoreClosed
        return self._calls


async def acquire(
    client: Client,
    owner: Owner,
    storage: StorageOptions,
    *,
    service: str = DEFAULT_SERVICE,
    settings: ConnectionSettings | None = None,
) -> PersistClient:
    """Return a handle of a stream, without waiting for a server; close it once.

    Raises PathDenied at once for a path that is not the owner's (§1.7). Errors of opening
    come with the first use.
    """
    subject = f"{service}.{owner.scope}"
    check_path(subject, storage.path, service=service)
    key = (subject, storage)
    shared = _shared.setdefault(client, {}).get(key)
    if shared is None:
        shared = _share(client, key, settings)
    shared.users += 1
    used = shared

    async def release() -> None:
        used.users -= 1
        if used.users == 0:
            await used.connection.close()

    return PersistClient(shared.connection, release)


def _share(client: Client, key: _Key, settings: ConnectionSettings | None) -> _Shared:
    """Begin a connection that others can use, until it ends."""

    def forget() -> None:
        if _shared.get(client, {}).get(key) is shared:
            del _shared[client][key]

    shared = _Shared(Connection(client, *key, settings, on_end=forget))
    _shared[client][key] = shared
    shared.connection.start()
    return shared
