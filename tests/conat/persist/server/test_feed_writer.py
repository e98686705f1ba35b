"""How changes are gathered for one subscriber (conat-sync §1.6)."""

import asyncio
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.persist.messages import Deleted, Stored, StoredMessage, Update
from cocalc_jupyter_ext.conat.persist.server.feed_writer import (
    MAX_UNREAD_BYTES,
    WINDOW_S,
    FeedWriter,
    split_updates,
)
from cocalc_jupyter_ext.conat.sockets.errors import SocketFull
from tests.support import virtual_time


def update(seq: int, raw: bytes = b"\xc0") -> Update:
    return Stored(StoredMessage(seq=seq, time_ms=1, raw=raw))


class Subscriber:
    """Keeps what is written, with the time of the loop."""

    def __init__(self, *, fails: bool = False) -> None:
        self.written: list[tuple[float, int, list[int]]] = []
        self.failures: list[Exception] = []
        self._fails = fails
        loop = asyncio.get_running_loop()
        self._time = loop.time
        self.feed = FeedWriter(self.write, self.failures.append, loop.call_later)

    def write(self, value: list[dict[str, Any]], headers: dict[str, int]) -> None:
        if self._fails:
            raise BufferError("full")
        seqs = [event.get("seq", 0) for event in value]
        self.written.append((round(self._time(), 3), headers["seq"], seqs))


def test_the_first_change_goes_out_at_once_and_later_ones_at_the_end_of_the_window() -> None:
    async def scenario() -> None:
        subscriber = Subscriber()
        for seq in (1, 2, 3):
            subscriber.feed.add([update(seq)])
        await asyncio.sleep(WINDOW_S + 0.001)
        subscriber.feed.add([update(4)])
        await asyncio.sleep(1)
        subscriber.feed.add([update(5)])

        assert subscriber.written == [
            (0, 0, [1]),
            (0.03, 1, [2, 3]),
            (0.06, 2, [4]),
            (1.031, 3, [5]),
        ]
        subscriber.feed.close()

    virtual_time.run(scenario())


def test_large_changes_are_split_and_each_message_counted() -> None:
    async def scenario() -> None:
        subscriber = Subscriber()
        big = bytes(11_000_000)

        subscriber.feed.add([update(seq, big) for seq in (1, 2, 3)])

        assert [(n, seqs) for _, n, seqs in subscriber.written] == [(0, [1, 2]), (1, [3])]
        subscriber.feed.close()

    virtual_time.run(scenario())


def test_deletions_have_no_size() -> None:
    updates = [update(1, b"12"), Deleted([1]), update(2, b"34"), Deleted([2])]

    assert list(split_updates(updates, 4)) == [updates[:3], updates[3:]]


def test_a_subscriber_that_fails_is_given_up_once_and_nobody_else_notices() -> None:
    async def scenario() -> None:
        subscriber = Subscriber(fails=True)

        subscriber.feed.add([update(1)])
        subscriber.feed.add([update(2)])
        await asyncio.sleep(1)

        assert [type(error) for error in subscriber.failures] == [BufferError]

    virtual_time.run(scenario())


@pytest.mark.parametrize("times", [1, 2])
def test_a_closed_feed_writes_nothing_any_more(times: int) -> None:
    async def scenario() -> None:
        subscriber = Subscriber()
        subscriber.feed.add([update(1)])
        subscriber.feed.add([update(2)])

        for _ in range(times):
            subscriber.feed.close()
        subscriber.feed.add([update(3)])
        await asyncio.sleep(1)

        assert [seqs for _, _, seqs in subscriber.written] == [[1]]

    virtual_time.run(scenario())


def test_a_subscriber_may_be_behind_by_so_many_bytes_until_it_has_read_everything() -> None:
    async def scenario() -> None:
        subscriber = Subscriber()
        half = bytes(MAX_UNREAD_BYTES // 2 + 1)
        for seq in (1, 2):
            subscriber.feed.add([update(seq, half)])
            await asyncio.sleep(1)
        subscriber.feed.note_drained()
        for seq in (3, 4, 5):
            subscriber.feed.add([update(seq, half)])
            await asyncio.sleep(1)

        assert [seqs for _, _, seqs in subscriber.written] == [[1], [2], [3], [4]]
        assert [type(error) for error in subscriber.failures] == [SocketFull]

    virtual_time.run(scenario())
