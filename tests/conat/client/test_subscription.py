"""conat-core §8.3, §10.5; SPEC K3, K4."""

import asyncio
import logging
from contextlib import aclosing
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.subscription import (
    Message,
    SharedSubscription,
    Subscription,
    SubscriptionLimits,
)
from cocalc_jupyter_ext.conat.errors import CodecError, RemoteError
from cocalc_jupyter_ext.conat.protocol.chunks import split
from cocalc_jupyter_ext.conat.protocol.codec import encode
from cocalc_jupyter_ext.conat.types import MessageId, Pattern, QueueGroup

from ...support import virtual_time

PATTERN = Pattern("a.*")


def message(value: object, headers: object = None) -> Message:
    return Message("a.b", 0, encode(value), headers)  # type: ignore[arg-type]  # any headers


def subscription(
    limits: SubscriptionLimits | None = None,
) -> tuple[Subscription, list[Subscription]]:
    closed: list[Subscription] = []
    return Subscription(PATTERN, closed.append, limits), closed


async def test_messages_come_out_in_order() -> None:
    mine, _closed = subscription()
    for value in range(3):
        mine.put(message(value))

    assert [(await anext(mine)).data for _ in range(3)] == [0, 1, 2]


async def test_a_waiting_consumer_is_woken() -> None:
    mine, _closed = subscription()
    waiting = asyncio.create_task(mine.__anext__())
    await asyncio.sleep(0)
    mine.put(message("late"))

    assert (await waiting).data == "late"


async def test_a_cancelled_wait_loses_no_message() -> None:
    mine, _closed = subscription()
    waiting = asyncio.create_task(mine.__anext__())
    await asyncio.sleep(0)
    mine.put(message("kept"))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert (await anext(mine)).data == "kept"


async def test_closing_ends_the_iteration_and_is_told_once() -> None:
    mine, closed = subscription()
    mine.put(message(1))
    mine.close()
    mine.close()
    mine.put(message(2))

    assert [each async for each in mine] == []
    assert closed == [mine]


async def test_an_end_from_outside_comes_after_what_was_kept() -> None:
    mine, closed = subscription()
    mine.put(message(1))
    mine.end(RemoteError("refused", 403))

    assert (await anext(mine)).data == 1
    with pytest.raises(RemoteError, match="refused"):
        await anext(mine)
    assert closed == []


async def test_a_slow_consumer_misses_the_newest_and_is_warned_once_per_episode(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mine, _closed = subscription(SubscriptionLimits(max_messages=2))
    with caplog.at_level(logging.WARNING):
        for value in range(4):
            mine.put(message(value))
        assert [(await anext(mine)).data for _ in range(2)] == [0, 1]
        for value in range(4):
            mine.put(message(value))

    assert mine.missed == 4
    assert len(caplog.records) == 2


async def test_kept_bytes_are_bounded_but_one_message_always_fits() -> None:
    mine, _closed = subscription(SubscriptionLimits(max_bytes=10))
    mine.put(message("x" * 100))
    mine.put(message("y"))

    assert len((await anext(mine)).raw) > 10
    mine.put(message("z"))
    assert (await anext(mine)).data == "z"
    assert mine.missed == 1


@pytest.mark.parametrize(
    ("headers", "reply"),
    [
        ({"CN-Reply": "_INBOX.r"}, "_INBOX.r"),
        ({"CN-Reply": "account.a.r"}, None),
        ({"CN-Reply": ""}, None),
        ({"CN-Reply": 7}, None),
        ("text", None),
        (None, None),
    ],
)
def test_a_request_is_what_names_an_inbox_for_the_reply(headers: object, reply: str | None) -> None:
    assert message(1, headers).reply_subject == reply


def test_data_that_cannot_be_decoded_raises_when_it_is_read() -> None:
    broken = Message("a", 0, b"\xc1")

    with pytest.raises(CodecError):
        _ = broken.data


async def test_every_local_subscription_receives_every_message() -> None:
    """conat-core §21, Publish and subscribe: two subscriptions of one client each get every
    message; the last to leave ends it.
    """
    one, two = subscription()[0], subscription()[0]
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    shared = SharedSubscription(QueueGroup("q"), done, [one, two])
    for chunk in split(MessageId("m"), encode("whole"), size_bytes=2):
        shared.receive("a.b", chunk, 0)

    assert (await anext(one)).data == (await anext(two)).data == "whole"


def limited(**limits: Any) -> tuple[Subscription, list[Subscription]]:
    closed: list[Subscription] = []
    return Subscription(PATTERN, closed.append, **limits), closed


async def test_a_subscription_closes_itself_when_enough_was_consumed() -> None:
    mine, closed = limited(max_messages=2)
    for value in range(3):
        mine.put(message(value))

    assert [each.data async for each in mine] == [0, 1]
    assert closed == [mine]
    assert mine.is_ended


def test_a_subscription_closes_itself_when_one_message_is_waited_for_too_long() -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        mine, closed = limited(max_wait_s=2)
        loop.call_later(1.5, mine.put, message("first"))
        loop.call_later(3, mine.put, message("second"))
        loop.call_later(5.5, mine.put, message("too late"))

        assert [each.data async for each in mine] == ["first", "second"]
        assert loop.time() == pytest.approx(5)
        assert closed == [mine]

    virtual_time.run(check())


def test_a_message_that_comes_at_the_last_moment_is_not_lost() -> None:
    async def check() -> None:
        mine, closed = limited(max_wait_s=2)
        waiting = asyncio.create_task(mine.__anext__())
        asyncio.get_running_loop().call_at(2, mine.put, message("just in time"))

        assert (await waiting).data == "just in time"
        assert closed == []

    virtual_time.run(check())


@pytest.mark.parametrize("limit", ["max_wait_s", "max_messages"])
@pytest.mark.parametrize("value", [0, -1])
def test_limits_must_be_positive(limit: str, value: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        limited(**{limit: value})


async def test_leaving_the_context_closes_the_subscription() -> None:
    mine, closed = subscription()
    async with mine as same:
        assert same is mine
        assert not mine.is_ended
    assert closed == [mine]

    other, closed = subscription()
    async with aclosing(other):
        pass
    assert closed == [other]
