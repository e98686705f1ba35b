"""SPEC T13, T14: bytes are collected and bounded."""

import asyncio

from tornado.iostream import StreamClosedError

from cocalc_jupyter_ext.conat.transports.websocket_writer import WebSocketWriter


class Stream:
    """Takes what is written; ``read`` lets the oldest of it go out."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False
        self._unsent: list[asyncio.Future[None]] = []

    def write(self, data: bytes) -> "asyncio.Future[None]":
        if self.is_closed:
            raise StreamClosedError
        self.written.append(data)
        self._unsent.append(asyncio.get_running_loop().create_future())
        return self._unsent[-1]

    async def read(self) -> None:
        self._unsent.pop(0).set_result(None)
        await asyncio.sleep(0)

    async def lose(self) -> None:
        self._unsent.pop(0).set_exception(StreamClosedError())
        await asyncio.sleep(0)


def writer(max_bytes: int = 1_000) -> tuple[WebSocketWriter, Stream, list[str]]:
    stream, overflows = Stream(), list[str]()
    made = WebSocketWriter(stream, max_bytes, lambda: overflows.append("slow"))  # type: ignore[arg-type]  # a stream by its shape
    return made, stream, overflows


async def test_what_is_written_in_one_turn_goes_out_together() -> None:
    made, stream, _overflows = writer()
    for data in (b"a", b"b", b"c"):
        made.write([data])
    assert stream.written == []
    await asyncio.sleep(0)

    assert stream.written == [b"abc"]


async def test_large_buffers_are_neither_joined_nor_copied() -> None:
    made, stream, _overflows = writer(10**6)
    large = bytes(70_000)
    made.write([b"a", b"b", large, b"c"])
    await asyncio.sleep(0)

    assert [len(each) for each in stream.written] == [2, 70_000, 1]
    assert stream.written[1] is large


async def test_unread_bytes_are_counted_until_they_are_out() -> None:
    made, stream, overflows = writer()
    made.write([bytes(600)])
    await asyncio.sleep(0)
    assert made.unsent_bytes == 600
    await stream.read()
    made.write([bytes(600)])

    assert made.unsent_bytes == 600
    assert overflows == []


async def test_a_slow_reader_is_given_up_once() -> None:
    made, stream, overflows = writer()
    made.write([bytes(600)])
    await asyncio.sleep(0)
    made.write([bytes(600)])
    made.write([bytes(600)])
    await asyncio.sleep(0)

    assert overflows == ["slow"]
    assert len(stream.written) == 1


async def test_a_lost_socket_is_no_error_of_the_writer() -> None:
    made, stream, overflows = writer()
    made.write([b"a"])
    await asyncio.sleep(0)
    await stream.lose()
    stream.is_closed = True
    made.write([b"b"])
    await asyncio.sleep(0)
    made.write([b"c"])
    await asyncio.sleep(0)

    assert stream.written == [b"a"]
    assert overflows == []
