"""conat-core §10.1; SPEC K7."""

from cocalc_jupyter_ext.conat.client.inbox import Inbox
from cocalc_jupyter_ext.conat.client.subscription import Message
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
