"""The bounded iterator of one reader (conat-sync §1.10)."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.errors import RemoteError
from cocalc_jupyter_ext.conat.persist.access import Reset
from cocalc_jupyter_ext.conat.persist.client.feeds import MAX_BYTES, MAX_UPDATES, Feed
from cocalc_jupyter_ext.conat.persist.messages import Deleted, Stored, StoredMessage, Update


def update(seq: int, raw: bytes = b"\xc0") -> Update:
    return Stored(StoredMessage(seq=seq, time_ms=1, raw=raw))


@pytest.fixture
def closed() -> list[Feed]:
    return []


@pytest.fixture
def feed(closed: list[Feed]) -> Feed:
    return Feed(closed.append)


async def test_events_come_in_order(feed: Feed) -> None:
    feed.put([update(1), update(2)])
    feed.put([Deleted([1])])

    assert await anext(feed) == [update(1), update(2)]
    assert await anext(feed) == [Deleted([1])]


async def test_a_reader_waits_and_loses_nothing_when_it_is_cancelled(feed: Feed) -> None:
    waiting = asyncio.create_task(anext(feed))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    feed.put([update(1)])

    assert await anext(feed) == [update(1)]


async def test_a_reader_that_does_not_keep_up_starts_over(feed: Feed) -> None:
    feed.put([update(seq) for seq in range(MAX_UPDATES)])
    feed.put([update(MAX_UPDATES)])
    feed.put([update(MAX_UPDATES + 1)])

    assert await anext(feed) == Reset()
    assert await anext(feed) == [update(MAX_UPDATES + 1)]


async def test_bytes_are_limited_too(feed: Feed) -> None:
    feed.put([update(1, bytes(MAX_BYTES))])
    feed.put([update(2)])

    assert await anext(feed) == Reset()


async def test_one_batch_always_fits_and_makes_room_when_it_is_read(feed: Feed) -> None:
    for seq in (1, 2):
        feed.put([update(seq, bytes(MAX_BYTES + 1))])
        assert await anext(feed) == [update(seq, bytes(MAX_BYTES + 1))]


async def test_a_feed_that_was_closed_ends_at_once(feed: Feed, closed: list[Feed]) -> None:
    feed.put([update(1)])

    feed.close()
    feed.close()
    feed.put([update(2)])

    assert [events async for events in feed] == []
    assert closed == [feed]


async def test_an_end_comes_after_what_is_kept(feed: Feed) -> None:
    feed.put([update(1)])

    feed.end()

    assert [events async for events in feed] == [[update(1)]]


async def test_an_error_is_raised_after_what_is_kept_and_again(feed: Feed) -> None:
    feed.put([update(1)])

    feed.end(RemoteError("permission denied", 403))

    assert await anext(feed) == [update(1)]
    for _ in range(2):
        with pytest.raises(RemoteError, match="permission denied"):
            await anext(feed)


async def test_an_end_wakes_a_reader_that_waits(feed: Feed) -> None:
    waiting = asyncio.create_task(anext(feed))
    await asyncio.sleep(0)

    feed.end(RemoteError("permission denied", 403))

    with pytest.raises(RemoteError):
        await waiting
