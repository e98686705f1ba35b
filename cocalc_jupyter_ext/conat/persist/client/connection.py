"""The way to one stream of a persist service, over as many sockets as it takes (§1.10).

There is one socket at a time, always with a new id, and the first thing it says is which stream
is meant. When it is lost the next one is made after a while; a refusal of the stream is for
good. What readers of changes missed meanwhile is fetched before they hear of anything new.
"""

import asyncio
import logging
import math
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from ...client.client import Client
from ...client.session import ClientState
from ...client.subscription import Message
from ...errors import ClientClosed, ConatError, RequestTimeout
from ...sockets.client_socket import ClientSocket
from ...sockets.states import SocketSettings, SocketState
from ..access import Events, StorageOptions
from ..errors import StoreClosed, StoreError
from ..wire import error_from_wire, sequence_of, update_from_wire
from .calls import DEFAULT_TIMEOUT_S, Calls
from .feeds import Feed
from .recovery import START_S, Random, ReconnectDelays, Timeline, recovery_delays

__all__ = ["Connection", "ConnectionSettings"]

_log = logging.getLogger(__name__)

CHOOSE_TIMEOUT_S: Final = 30.0
RETRY_CODES: Final = frozenset({408, 503})


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """How sockets work, which never reconnect by themselves, and when the next one is made."""

    sockets: SocketSettings = field(default_factory=lambda: SocketSettings(reconnection=False))
    rng: Random = random.random
    reconnect_delay_s: float = START_S


class Connection:
    """Answers commands, and feeds readers of changes, until it is closed or refused.

    ``subject`` is ``<service>.<scope>``. Commands wait until there is a socket that is ready.
    ``on_end`` is called once, when nothing can be done any more.
    """

    def __init__(
        self,
        client: Client,
        subject: str,
        storage: StorageOptions,
        settings: ConnectionSettings | None = None,
        *,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.storage = storage
        self._on_end = on_end
        self._client = client
        self._subject = subject
        self._settings = settings or ConnectionSettings()
        self._timeline = Timeline(ephemeral=storage.ephemeral)
        self._feeds: set[Feed] = set()
        self._socket: ClientSocket | None = None
        self._is_feeding = False
        self._error: ConatError | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.create_task(self._run(), name=f"stream-{self.storage.path}")

    async def close(self) -> None:
        """End all readers and the socket; calling it again does nothing."""
        self._finish(StoreClosed())
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # Commands

    async def request(
        self,
        value: object = None,
        *,
        headers: Mapping[str, Any] | None = None,
        raw: bytes | None = None,
        encoding: int = 0,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Message:
        """Ask the server as soon as it can be reached; the time includes waiting for that.

        Raises RequestTimeout, the error of a refusal, and what ``ClientSocket.request`` raises.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        socket = await self._ready_socket(timeout_s)
        left_s = max(deadline_s - loop.time(), 0.001)
        return await socket.request(
            value, headers=headers, raw=raw, encoding=encoding, timeout_s=left_s
        )

    async def request_many(
        self,
        value: object = None,
        *,
        headers: Mapping[str, Any] | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_wait_s: float | None = None,
    ) -> AsyncGenerator[Message, None]:
        """Ask the server as soon as it can be reached, and yield its answers."""
        socket = await self._ready_socket(timeout_s)
        replies = socket.request_many(
            value, headers=headers, timeout_s=timeout_s, max_wait_s=max_wait_s
        )
        async with aclosing(replies):
            async for reply in replies:
                yield reply

    # Readers

    async def open_feed(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> Feed:
        """Return a reader of all changes that happen from now on; raises like ``request``."""
        feed = Feed(self._feeds.discard)
        self._feeds.add(feed)
        self._wake()
        try:
            await self._wait_until(lambda: self._is_feeding, timeout_s)
        except BaseException:
            feed.close()
            raise
        return feed

    def _emit(self, batches: list[Events]) -> None:
        for events in batches:
            for feed in list(self._feeds):
                feed.put(events)

    # The life of sockets

    async def _run(self) -> None:
        delays = ReconnectDelays(self._settings.rng, self._settings.reconnect_delay_s)
        try:
            while self._error is None:
                ready_s = await self._use_socket()
                if self._client.state is ClientState.CLOSED:
                    self._finish(ClientClosed())
                if self._error is None:
                    await asyncio.sleep(delays.next_s(ready_s))
        except Exception as error:  # noqa: BLE001 - an end without a word would leave all waiting
            _log.exception("the stream '%s' cannot be used any more", self.storage.path)
            self._finish(ConatError(f"the stream '{self.storage.path}' has failed: {error}"))

    async def _use_socket(self) -> float:
        """Use one socket until it is lost; return how long it was ready, in seconds."""
        loop = asyncio.get_running_loop()
        socket = ClientSocket(
            self._client,
            self._subject,
            choose_server=self._choose_server,
            settings=self._settings.sockets,
        )
        lost = asyncio.Event()
        ready_since_s = math.inf

        def on_state(state: SocketState) -> None:
            nonlocal ready_since_s
            if state is SocketState.READY:
                ready_since_s = loop.time()
                self._socket = socket
                self._wake()
            elif state is not SocketState.CONNECTING:
                lost.set()

        socket.states.connect(on_state)
        socket.data.connect(lambda value, headers: self._on_data(value, headers, lost))
        socket.write(self._selection())
        socket.start()
        feeding = asyncio.create_task(self._feed_readers(), name=f"feed-{self.storage.path}")
        try:
            await lost.wait()
        finally:
            self._socket, self._is_feeding = None, False
            self._note_gap()
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            await socket.close()
        return max(loop.time() - ready_since_s, 0.0)

    def _note_gap(self) -> None:
        """Note that readers miss something until there is a socket that feeds them."""
        if self._feeds and self._timeline.start_seq is not None:
            self._timeline.begin()
        else:
            self._timeline.forget()

    async def _choose_server(self, subject: str) -> str:
        reply = await self._client.request(f"{subject}.id", timeout_s=CHOOSE_TIMEOUT_S)
        return str(reply.data)

    def _selection(self) -> dict[str, Any]:
        storage: dict[str, Any] = {"path": self.storage.path}
        if self.storage.ephemeral:
            storage["ephemeral"] = True
        if self.storage.sync:
            storage["sync"] = True
        return {"storage": storage, "changefeed": bool(self._feeds)}

    # What the server writes

    def _on_data(self, value: object, headers: Mapping[str, Any], lost: asyncio.Event) -> None:
        if value is None and headers.get("error"):
            self._on_refusal(error_from_wire(headers))
            lost.set()
            return
        try:
            updates = [update_from_wire(each) for each in sequence_of(value, "changes")]
        except StoreError as error:
            _log.warning("changes of '%s' make no sense: %s", self.storage.path, error)
            lost.set()
            return
        self._emit(self._timeline.take(updates))

    def _on_refusal(self, error: ConatError) -> None:
        if error.code in RETRY_CODES:
            _log.info("the stream '%s' is not available yet: %s", self.storage.path, error)
        else:
            self._finish(error)

    # Feeding readers

    async def _feed_readers(self) -> None:
        """Let the server tell all changes, as soon as there is a reader; fetch what is missing."""
        await self._wait_until(lambda: self._socket is not None and bool(self._feeds), None)
        assert self._socket is not None  # noqa: S101 - just waited for
        calls = Calls(self._socket)
        delays = recovery_delays(self._settings.reconnect_delay_s)
        while not self._is_feeding:
            try:
                if self._timeline.has_gap:
                    await self._recover(calls)
                else:
                    await self._begin(calls)
            except ConatError as error:
                _log.info("the changes of '%s' are asked for again: %s", self.storage.path, error)
                await asyncio.sleep(next(delays))
            else:
                self._is_feeding = True
                self._wake()

    async def _begin(self, calls: Calls) -> None:
        """Start, and note how far the stream is: what a new reader loads goes at least so far."""
        inventory = asyncio.create_task(calls.inventory(), name="inventory")
        try:
            await calls.start_changefeed()
            self._timeline.start(await inventory)
        finally:
            inventory.cancel()
            await asyncio.gather(inventory, return_exceptions=True)

    async def _recover(self, calls: Calls) -> None:
        await calls.start_changefeed()
        if not self.storage.ephemeral:
            missed = calls.get_all(start_seq=self._timeline.start_seq)
            async with aclosing(missed):
                async for batch in missed:
                    self._emit(self._timeline.fetched(batch))
        self._emit(self._timeline.end(await calls.inventory()))

    # Helpers

    def _finish(self, error: ConatError) -> None:
        if self._error is not None:
            return
        self._error = error
        for feed in list(self._feeds):
            feed.end(None if isinstance(error, StoreClosed) else error)
        self._feeds.clear()
        self._wake()
        self._on_end()

    async def _ready_socket(self, timeout_s: float) -> ClientSocket:
        await self._wait_until(lambda: self._socket is not None, timeout_s)
        assert self._socket is not None  # noqa: S101 - just waited for
        return self._socket

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait_until(self, holds: Callable[[], bool], timeout_s: float | None) -> None:
        """Wait; raises RequestTimeout, or why there is no use in waiting."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._error is None and not holds():
                    await self._changed.wait()
        except TimeoutError as error:
            msg = f"timeout - the server of the stream '{self.storage.path}' cannot be reached"
            raise RequestTimeout(msg) from error
        if self._error is not None:
            raise self._error
