"""The persist service: streams in files, for clients anywhere in the message fabric (§1).

Each client and stream is one socket on ``<service>.<scope>``; ``session`` serves it. A server
that is alone also tells clients its id; with several, one balancer knows them all (§1.3).
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from ...client.client import Client
from ...errors import ConatError
from ...sockets.server_socket import ServerSocket
from ...sockets.socket_server import SocketServer
from ...sockets.states import SocketSettings, SocketState
from .admission import Admission, UsageLimits
from .archiver import ARCHIVE_INTERVAL_S
from .balancer import Balancer
from .open_storage import OpenStore, Storages
from .session import Server, Session
from .store_files import StoreFiles

__all__ = ["PersistService", "PersistSettings"]

_log = logging.getLogger(__name__)

END_TIMEOUT_S: Final = 5.0
"""So long commands that have begun may take when the service ends."""


@dataclass(frozen=True, slots=True)
class PersistSettings:
    """Limits and folders of one server; without folders there are neither archives nor backups."""

    limits: UsageLimits = field(default_factory=UsageLimits)
    archive: Path | None = None
    backup: Path | None = None
    archive_interval_s: float = ARCHIVE_INTERVAL_S
    sockets: SocketSettings = field(default_factory=SocketSettings)


class PersistService:
    """Serves the streams below ``root``. Use as an asynchronous context manager.

    ``ids`` are the ids of all servers, in the order that all balancers agree on, if this one
    runs a balancer: by default its own id alone, and with an empty list there is none here.
    ``open_store`` replaces files as the place of streams.
    """

    def __init__(
        self,
        client: Client,
        root: Path,
        *,
        server_id: str = "0",
        service: str = "persist",
        ids: Sequence[str] | None = None,
        settings: PersistSettings | None = None,
        open_store: OpenStore | None = None,
    ) -> None:
        settings = settings or PersistSettings()
        files = StoreFiles(root, settings.archive, settings.backup)
        self.server_id = server_id
        self.service = service
        self._storages = Storages(
            open_store or files.open, archive_interval_s=settings.archive_interval_s
        )
        admission = Admission(settings.limits)
        self._server = Server(client, server_id, service, self._storages, admission, self._end_gone)
        self._sockets = SocketServer(
            client, f"{service}.*", server_id=server_id, settings=settings.sockets
        )
        ids = [server_id] if ids is None else ids
        self._balancer = Balancer(client, service, ids) if ids else None
        self._sessions: set[Session] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeps: dict[str, asyncio.Task[None]] = {}
        self._sockets.connections.connect(self._on_connection)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @property
    def open_streams(self) -> int:
        """Return how many streams are open."""
        return len(self._storages)

    @property
    def open_sockets(self) -> int:
        """Return how many sockets clients have open."""
        return len(self._sockets.sockets)

    async def start(self) -> None:
        """Begin to serve; returns when clients can connect. Raises what subscribing raises."""
        try:
            await self._sockets.start()
            if self._balancer is not None:
                await self._balancer.start()
        except BaseException:
            await self.close()
            raise
        _log.info(
            "streams are served on '%s' by server '%s'", self._sockets.subject, self.server_id
        )

    async def close(self) -> None:
        """Answer what was asked, send the clients away, close all files; may be called again."""
        if self._balancer is not None:
            await self._balancer.close()
        for sweep in self._sweeps.values():
            sweep.cancel()
        await self._finish_sessions()
        await self._sockets.end()
        if self._closing:
            await asyncio.wait(self._closing)
        await self._storages.close()

    async def _finish_sessions(self) -> None:
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await asyncio.gather(*(session.close() for session in list(self._sessions)))
        except TimeoutError:
            _log.warning("some commands take too long; their clients have to ask again")

    def _on_connection(self, socket: ServerSocket) -> None:
        session = Session(self._server, socket)
        self._sessions.add(session)

        def on_state(state: SocketState) -> None:
            if state is SocketState.CLOSED:
                closing = asyncio.create_task(self._close(session), name=f"close-{socket.id}")
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

        socket.states.connect(on_state)

    async def _end_gone(self, scope: str) -> None:
        """End the sockets of an owner whose clients are gone; who asks meanwhile shares the work.

        A page that is reloaded leaves its sockets behind: after a few times they would be as
        many as an owner may have.
        """
        sweep = self._sweeps.get(scope)
        if sweep is None:
            sweep = asyncio.create_task(self._sweep(scope), name=f"sweep-{scope}")
            self._sweeps[scope] = sweep
            sweep.add_done_callback(lambda _: self._sweeps.pop(scope))
        await asyncio.shield(sweep)

    async def _sweep(self, scope: str) -> None:
        for session in [each for each in self._sessions if each.scope == scope]:
            try:
                await session.end_if_gone()
            except ConatError as error:
                _log.warning("whether a client is gone is not known: %s", error)

    async def _close(self, session: Session) -> None:
        try:
            await session.close()
        except Exception:  # noqa: BLE001 - others are served on; the stream stays open until the end
            _log.exception("a socket's stream could not be closed")
        finally:
            self._sessions.discard(session)
