"""SPEC T13, T14: bytes are read at once, written together, and bounded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tornado.iostream import IOStream

from cocalc_jupyter_ext.conat.transports.socket_stream import SLOW_READER, Outbox, SocketStream

from ...support.socket_pairs import Peer, connected_pair, some_turns, until

LARGE = 4_000_000
"""More than the operating system keeps for a socket."""


class Listener:
    """Notes what it is told; ``on_data`` says what to do then."""

    is_partial = False

    def __init__(self) -> None:
        self.data: asyncio.Queue[bytes] = asyncio.Queue()
        self.lost: asyncio.Queue[str] = asyncio.Queue()
        self.on_data: Callable[[bytes], None] = self.data.put_nowait

    def data_received(self, data: bytes) -> bool:
        self.on_data(data)
        return self.is_partial

    def connection_lost(self, reason: str) -> None:
        self.lost.put_nowait(reason)


@asynccontextmanager
async def started(
    max_unsent_bytes: int = 100_000_000,
) -> AsyncIterator[tuple[SocketStream, Listener, Peer]]:
    async with connected_pair() as (raw, peer), asyncio.timeout(60):
        listener = Listener()
        stream = SocketStream(raw, listener, Outbox(), max_unsent_bytes)
        stream.start()
        yield stream, listener, peer
        stream.abort()


async def test_what_comes_is_handed_on_until_the_peer_closes() -> None:
    async with started() as (_stream, listener, (_reader, writer)):
        writer.write(b"hello")
        assert await listener.data.get() == b"hello"
        writer.close()

        assert await listener.lost.get() == "transport close"


async def test_what_the_library_has_read_already_is_handed_on_first() -> None:
    async with connected_pair() as (raw, (_reader, writer)), asyncio.timeout(60):
        writer.write(b"GET\r\n\r\nearly")
        await raw.read_until(b"\r\n\r\n")
        listener = Listener()
        SocketStream(raw, listener, Outbox(), 100).start()

        assert await listener.data.get() == b"early"


async def test_a_peer_that_does_not_read_the_upgrade_is_dropped() -> None:
    async with connected_pair() as (raw, _peer), asyncio.timeout(60):
        written = raw.write(bytes(LARGE))
        listener = Listener()
        SocketStream(raw, listener, Outbox(), 100).start()

        assert await listener.lost.get() == "transport close"
        await asyncio.wait({asyncio.ensure_future(written)})


async def test_a_peer_that_goes_during_the_upgrade_keeps_nothing_from_the_others() -> None:
    async with connected_pair() as (raw, _peer), connected_pair() as (other, (reader, _writer)):
        outbox, listener = Outbox(), Listener()
        raw.close()
        streams = [SocketStream(each, listener, outbox, 100) for each in (raw, other)]
        for stream in streams:
            stream.write([b"welcome"])
            stream.start()

        async with asyncio.timeout(60):
            assert await reader.readexactly(7) == b"welcome"
            assert await listener.lost.get() == "transport close"
        assert listener.lost.empty()
        streams[1].abort()


async def test_what_is_written_in_one_turn_goes_out_together() -> None:
    async with connected_pair() as (raw, _peer):
        sent = record_sends(raw)
        stream = SocketStream(raw, Listener(), Outbox(), 100)
        stream.start()
        for data in (b"a", b"b", b"c"):
            stream.write([data])
        assert sent == []
        await asyncio.sleep(0)

        assert sent == [b"abc"]


async def test_what_follows_from_what_came_goes_out_together_before_anything_else_happens() -> None:
    async with connected_pair() as (raw, (_reader, writer)), asyncio.timeout(60):
        sent = record_sends(raw)
        listener = Listener()
        stream = SocketStream(raw, listener, Outbox(), 100)
        counts = []

        def answer(data: bytes) -> None:
            for part in (b"1", b"2", b"3"):
                stream.write([part])
                counts.append(len(sent))
            listener.data.put_nowait(data)

        listener.on_data = answer
        stream.start()
        writer.write(b"question")
        await listener.data.get()

        assert counts == [0, 0, 0]
        assert sent == [b"123"]


async def test_what_follows_from_the_last_message_of_a_wake_up_goes_out_at_once() -> None:
    async with connected_pair() as (raw, (_reader, writer)), asyncio.timeout(60):
        sent = record_sends(raw)
        listener = Listener()
        stream = SocketStream(raw, listener, Outbox(), 100)
        seen = []

        def answer(data: bytes) -> None:
            stream.handle_last()
            for part in (b"delivery", b"count"):
                stream.write([part])
                seen.append(list(sent))
            listener.data.put_nowait(data)

        listener.on_data = answer
        stream.start()
        writer.write(b"question")
        await listener.data.get()

        assert seen == [[b"delivery"], [b"delivery", b"count"]]


async def test_the_last_message_does_not_overtake_what_waits_to_go_out() -> None:
    async with connected_pair() as (raw, (_reader, writer)), asyncio.timeout(60):
        sent = record_sends(raw)
        listener = Listener()
        stream = SocketStream(raw, listener, Outbox(), 100)

        def answer(data: bytes) -> None:
            stream.write([b"first"])
            stream.handle_last()
            stream.write([b"last"])
            listener.data.put_nowait(data)

        listener.on_data = answer
        stream.start()
        writer.write(b"questions")
        await listener.data.get()

        assert sent == [b"firstlast"]


async def test_the_rest_of_a_message_is_asked_for_without_another_wake_up() -> None:
    async with connected_pair() as (raw, (_reader, writer)), asyncio.timeout(60):
        reads = count_reads(raw)
        listener = Listener()
        SocketStream(raw, listener, Outbox(), 100).start()
        writer.write(b"whole")
        await listener.data.get()
        assert reads == [5]
        listener.is_partial = True
        writer.write(b"half")
        await listener.data.get()

        assert reads == [5, 4, 0]


async def test_everything_arrives_in_order_however_slowly_it_is_read() -> None:
    async with started() as (stream, _listener, (reader, _writer)):
        parts = [bytes([k]) * size for k, size in enumerate((10, LARGE, 10, LARGE, 10))]
        for part in parts:
            stream.write([part])
            await asyncio.sleep(0)
        assert stream.unsent_bytes > 0
        assert await reader.readexactly(2 * LARGE + 30) == b"".join(parts)
        await until(lambda: stream.unsent_bytes == 0)


async def test_a_slow_reader_is_dropped_and_told_nothing_more() -> None:
    async with started(max_unsent_bytes=LARGE) as (stream, listener, _peer):
        for _ in range(3):
            stream.write([bytes(LARGE // 2)])
        stream.write([b"more"])

        assert await listener.lost.get() == SLOW_READER
        assert listener.lost.empty()


async def test_reading_pauses_and_goes_on() -> None:
    async with started() as (stream, listener, (_reader, writer)):

        def pause(data: bytes) -> None:
            stream.pause_reading()
            listener.data.put_nowait(data)

        listener.on_data = pause
        writer.write(b"one")
        assert await listener.data.get() == b"one"
        writer.write(b"two")
        await some_turns()
        assert listener.data.empty()
        stream.resume_reading()

        assert await listener.data.get() == b"two"


async def test_ending_sends_everything_first() -> None:
    async with started() as (stream, listener, (reader, _writer)):
        stream.write([bytes(LARGE), b"last"])
        stream.end()
        stream.write([b"too late"])
        assert (await reader.read(-1))[-4:] == b"last"

        assert await listener.lost.get() == "transport close"


async def test_ending_with_nothing_to_send_closes_at_once() -> None:
    async with started() as (stream, listener, _peer):
        stream.end()

        assert listener.lost.get_nowait() == "transport close"


async def test_a_socket_that_is_lost_while_writing_is_reported_once_and_later() -> None:
    async with started() as (stream, listener, (_reader, writer)):
        stream.pause_reading()
        writer.transport.abort()
        await asyncio.sleep(0)
        stream.write([b"a"])
        stream.flush()
        assert listener.lost.empty()
        assert await listener.lost.get() == "transport close"
        stream.abort()

        assert listener.lost.empty()


def count_reads(raw: IOStream) -> list[int]:
    """Return where the sizes of reads will be noted; 0 where nothing was there."""
    reads: list[int] = []

    class Counting:
        def recv(self, size: int) -> bytes:
            try:
                data = socket.recv(size)
            except BlockingIOError:
                reads.append(0)
                raise
            reads.append(len(data))
            return data

        def __getattr__(self, name: str) -> object:
            return getattr(socket, name)

    socket = raw.socket
    raw.socket = Counting()  # type: ignore[assignment]  # a socket by its shape
    return reads


def record_sends(raw: IOStream) -> list[bytes]:
    """Return where the bytes of each call of the operating system will be noted."""
    sent: list[bytes] = []

    class Recording:
        def send(self, data: bytes) -> int:
            sent.append(bytes(data))
            return len(data)

        def __getattr__(self, name: str) -> object:
            return getattr(socket, name)

    socket = raw.socket
    raw.socket = Recording()  # type: ignore[assignment]  # a socket by its shape
    return sent
