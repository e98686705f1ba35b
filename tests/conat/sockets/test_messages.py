"""SPEC Z10: reading with back pressure."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.sockets.errors import SocketClosed, SocketError
from cocalc_jupyter_ext.conat.sockets.messages import SocketMessages

from ...support import virtual_time


class Reader:
    """A reader, and what it told its socket."""

    def __init__(self, max_unread: int = 10) -> None:
        self.told: list[str] = []
        self.messages = SocketMessages(
            lambda: self.told.append("read"), lambda _: self.told.append("closed"), max_unread
        )


def test_messages_are_read_in_order_and_reading_is_told() -> None:
    async def check() -> None:
        reader = Reader()
        reader.messages.put("a", {})
        reader.messages.put("b", {"h": 1})

        assert len(reader.messages) == 2
        assert await anext(reader.messages) == ("a", {})
        assert await anext(reader.messages) == ("b", {"h": 1})
        assert reader.told == ["read", "read"]

    virtual_time.run(check())


def test_a_reader_that_waits_gets_what_comes_and_the_end() -> None:
    async def check() -> None:
        reader = Reader()
        got = asyncio.create_task(_all(reader.messages))
        await virtual_time.settle()
        reader.messages.put(1, {})
        reader.messages.end(SocketClosed())

        assert await got == [1]

    virtual_time.run(check())


def test_cancelling_a_reader_loses_nothing() -> None:
    async def check() -> None:
        reader = Reader()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await anext(reader.messages)
        reader.messages.put(1, {})

        assert await anext(reader.messages) == (1, {})

    virtual_time.run(check())


def test_a_peer_that_floods_is_cut_off_after_what_was_kept() -> None:
    async def check() -> None:
        reader = Reader(max_unread=2)
        for number in range(5):
            reader.messages.put(number, {})

        assert [await anext(reader.messages) for _ in range(2)] == [(0, {}), (1, {})]
        with pytest.raises(SocketError, match="2 messages are unread"):
            await anext(reader.messages)
        assert reader.told[0] == "closed"

    virtual_time.run(check())


def test_a_closed_reader_ends_and_keeps_nothing() -> None:
    async def check() -> None:
        reader = Reader()
        async with reader.messages:
            reader.messages.put(1, {})
        reader.messages.put(2, {})

        assert len(reader.messages) == 0
        assert await _all(reader.messages) == []
        assert reader.told == ["closed"]

    virtual_time.run(check())


async def _all(messages: SocketMessages) -> list[object]:
    return [value async for value, _headers in messages]
