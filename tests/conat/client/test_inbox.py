"""conat-core §10.1; SPEC K7."""

import pytest

from cocalc_jupyter_ext.conat.client.inbox import Inbox
from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import ClientClosed, Disconnected
from cocalc_jupyter_ext.conat.protocol.codec import encode

from ...support.conat_peers import make_ids


def reply(subject: str, value: object) -> Message:
    return Message(subject, 0, encode(value))


async def test_each_request_gets_its_own_replies() -> None:
    inbox = Inbox("_INBOX.account-1", make_ids())
    with inbox.expect_replies() as (first, one), inbox.expect_replies() as (second, two):
        inbox.put(reply(second, 2))
        inbox.put(reply(first, 1))

        assert inbox.pattern == "_INBOX.account-1.id0.*"
        assert (first, second) == ("_INBOX.account-1.id0.id1", "_INBOX.account-1.id0.id2")
        assert [(await anext(each)).data for each in (one, two)] == [1, 2]


async def test_a_late_reply_is_dropped() -> None:
    inbox = Inbox("_INBOX", make_ids())
    with inbox.expect_replies() as (subject, replies):
        pass
    inbox.put(reply(subject, 1))

    assert [each async for each in replies] == []


async def test_the_end_of_the_inbox_ends_all_waiting() -> None:
    inbox = Inbox("_INBOX", make_ids())
    inbox.is_open = True
    with inbox.expect_replies() as (_subject, replies):
        inbox.end()

        assert [each async for each in replies] == []
        assert not inbox.is_open


async def test_one_reply_is_enough_for_a_request() -> None:
    inbox = Inbox("_INBOX", make_ids())
    with inbox.expect_reply() as (subject, first):
        inbox.put(reply(subject, 1))
        inbox.put(reply(subject, 2))

        assert (await first).data == 1


async def test_the_end_of_the_inbox_ends_the_wait_for_a_reply() -> None:
    inbox = Inbox("_INBOX", make_ids())
    with inbox.expect_reply() as (_subject, first):
        inbox.end(Disconnected())
        inbox.end()

        with pytest.raises(Disconnected):
            await first
    with inbox.expect_reply() as (_subject, first):
        inbox.end()
        with pytest.raises(ClientClosed):
            await first


async def test_a_reply_that_nobody_waited_for_any_more_disturbs_nobody() -> None:
    inbox = Inbox("_INBOX", make_ids())
    with inbox.expect_reply() as (subject, unread):
        inbox.end(Disconnected())
    with inbox.expect_reply() as (subject, open_wait):
        pass
    inbox.put(reply(subject, 1))

    assert unread.done()
    assert open_wait.cancelled()


async def test_replies_end_when_enough_came_or_none_for_a_while() -> None:
    inbox = Inbox("_INBOX", make_ids())
    with inbox.expect_replies(max_messages=1) as (subject, replies):
        inbox.put(reply(subject, 1))
        assert [each.data async for each in replies] == [1]
    with inbox.expect_replies(max_wait_s=0.01) as (subject, replies):
        inbox.put(reply(subject, 1))
        assert [each.data async for each in replies] == [1]


async def test_replies_that_ended_before_their_request_did_leave_nothing() -> None:
    inbox = Inbox("_INBOX", make_ids())
    with inbox.expect_replies():
        inbox.end(Disconnected())

    assert inbox._waiting == {}
