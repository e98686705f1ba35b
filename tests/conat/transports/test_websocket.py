"""SPEC T13, T16; RFC 6455 §5.5, §7: a server's end of a WebSocket, over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from cocalc_jupyter_ext.conat.protocol.socketio import Frame
from cocalc_jupyter_ext.conat.transports import websocket
from cocalc_jupyter_ext.conat.transports.socket_stream import Outbox
from cocalc_jupyter_ext.conat.transports.websocket import ServerWebSocket
from cocalc_jupyter_ext.conat.transports.websocket_frames import websocket_buffers

from ...support.socket_pairs import Peer, connected_pair, some_turns, until
from .test_websocket_frames import BINARY, CLOSE, PING, TEXT, frame


class Listener:
    """Notes what it is told; ``hold`` says what to wait for after a message."""

    def __init__(self) -> None:
        self.messages: list[Frame] = []
        self.ended: list[str] = []
        self.closed = asyncio.Event()
        self.hold: Callable[[Frame], Awaitable[None] | None] = lambda _message: None

    def message_received(self, message: Frame) -> Awaitable[None] | None:
        self.messages.append(message)
        return self.hold(message)

    is_mid_packet = False

    def messages_ended(self, reason: str) -> None:
        self.ended.append(reason)

    def socket_closed(self) -> None:
        assert self.ended
        assert not self.closed.is_set()
        self.closed.set()


@asynccontextmanager
async def opened(
    max_message_bytes: int = 1_000,
) -> AsyncIterator[tuple[ServerWebSocket, Listener, Peer]]:
    async with connected_pair() as (raw, peer), asyncio.timeout(60):
        listener = Listener()
        server = ServerWebSocket(
            raw,
            listener,
            outbox=Outbox(),
            max_message_bytes=max_message_bytes,
            max_unsent_bytes=10_000_000,
        )
        server.start()
        yield server, listener, peer
        peer[1].transport.abort()
        await listener.closed.wait()


async def test_messages_that_came_together_are_handled_in_order() -> None:
    async with opened() as (_server, listener, (reader, writer)):
        writer.write(frame(TEXT, b"one") + frame(BINARY, b"two") + frame(PING, b"?"))

        assert await reader.readexactly(3) == b"\x8a\x01?"
        assert listener.messages == ["one", b"two"]


async def test_nothing_is_handled_while_the_listener_is_not_ready() -> None:
    async with opened() as (_server, listener, (reader, writer)):
        ready = asyncio.Event()
        listener.hold = lambda message: ready.wait() if message == "one" else None  # type: ignore[assignment,return-value]  # the result is not used
        writer.write(frame(TEXT, b"one") + frame(TEXT, b"two"))
        await until(lambda: bool(listener.messages))
        writer.write(frame(TEXT, b"three") + frame(PING))
        await some_turns()
        assert listener.messages == ["one"]
        ready.set()

        assert await reader.readexactly(2) == b"\x8a\x00"
        assert listener.messages == ["one", "two", "three"]


async def test_a_closing_ends_the_waiting_so_that_its_answer_is_seen() -> None:
    cancelled = asyncio.Event()

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with opened() as (server, listener, (reader, writer)):
        listener.hold = lambda _message: wait_for_ever()
        writer.write(frame(TEXT, b"one"))
        await until(lambda: bool(listener.messages))
        await some_turns()
        server.close(1000, "")
        await cancelled.wait()
        writer.write(frame(CLOSE))

        assert await reader.read(-1) == b"\x88\x02\x03\xe8"


@pytest.mark.parametrize("is_later", [False, True])
async def test_a_listener_that_fails_costs_only_its_own_connection(
    is_later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_message: Frame) -> None:
        raise ValueError("broken")

    async def fail_later() -> None:
        raise ValueError("broken")

    async with opened() as (_server, listener, (reader, writer)):
        listener.hold = (lambda _message: fail_later()) if is_later else fail
        writer.write(frame(TEXT, b"one"))

        assert await reader.read(-1) == b""
        assert listener.ended == ["transport close"]
        assert "could not be handled" in caplog.text


async def test_the_client_closes() -> None:
    async with opened() as (server, listener, (reader, writer)):
        server.write(websocket_buffers(["last words"]))
        writer.write(frame(CLOSE, b"\x0f\xa0") + frame(TEXT, b"after the end"))

        assert await reader.read(-1) == b"\x81\x0alast words\x88\x02\x0f\xa0"
        await listener.closed.wait()
        assert listener.messages == []
        assert listener.ended == ["transport close"]


async def test_the_server_closes_and_the_client_agrees() -> None:
    async with opened() as (server, listener, (reader, writer)):
        server.write(websocket_buffers(["last words"]))
        server.close(1000, "bye")
        server.close(1000, "again")
        server.write(websocket_buffers(["too late"]))
        assert await reader.readexactly(19) == b"\x81\x0alast words\x88\x05\x03\xe8bye"
        assert not listener.closed.is_set()
        writer.write(frame(TEXT, b"on its way") + frame(CLOSE, b"\x03\xe8"))

        assert await reader.read(-1) == b""
        await listener.closed.wait()
        assert listener.messages == []


async def test_a_client_that_does_not_answer_a_closing_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_TIMEOUT_S", 0.01)
    async with opened() as (server, listener, (reader, _writer)):
        server.close(1000, "")

        assert await reader.read(-1) == b"\x88\x02\x03\xe8"
        await listener.closed.wait()


async def test_what_is_too_large_is_answered_with_a_reason_that_the_client_can_read() -> None:
    async with opened() as (_server, listener, (reader, writer)):
        writer.write(frame(BINARY, bytes(3_000_000)))
        await writer.drain()
        answer = await reader.readexactly(4)

        assert answer[2:] == (1009).to_bytes(2, "big")
        assert listener.ended == ["message too big"]
        assert not listener.closed.is_set()


async def test_a_broken_frame_while_closing_ends_at_once() -> None:
    async with opened() as (server, listener, (reader, writer)):
        server.close(1000, "")
        writer.write(b"\xff\xff")

        assert await reader.read(-1) == b"\x88\x02\x03\xe8"
        await listener.closed.wait()
