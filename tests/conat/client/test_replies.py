"""conat-core §10.4, §11.4: who has just come back is answered too."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.replies import MAX_WAITING, Replies
from cocalc_jupyter_ext.conat.client.subscription import Message

from ...support import virtual_time
from ...support.conat_peers import clients

LATE_S = 20.0


async def asked(server: Client, client: Client, reply_subject: str) -> Message:
    """Return a request, as the server gets it, whose asker is not subscribed to its inbox."""
    async with await server.subscribe("question") as requests:
        await client.publish("question", headers={"CN-Reply": reply_subject})
        return await anext(requests)


def test_an_asker_is_answered_when_its_inbox_is_there_again() -> None:
    """The first event of a client that comes back is often a request; its resync comes later."""

    async def scenario() -> None:
        async with clients(Broker(), None, None) as (server, client):
            replies = Replies(server)
            replies.send(await asked(server, client, "_INBOX.x.1"), "answer")
            await asyncio.sleep(LATE_S)
            inbox = await client.subscribe("_INBOX.x.*")

            assert (await anext(inbox)).data == "answer"
            await replies.close()

    virtual_time.run(scenario())


def test_one_who_does_not_come_back_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with clients(Broker(), None, None) as (server, client):
            replies = Replies(server)
            request = await asked(server, client, "_INBOX.x.2")
            replies.send(await asked(server, client, "_INBOX.gone.1"), "lost")
            inbox = await client.subscribe("_INBOX.x.*")
            replies.send(request, "answer")

            assert (await anext(inbox)).data == "answer"
            await asyncio.sleep(100)
            assert "the answer to 'question' is lost" in caplog.text
            await replies.close()

    virtual_time.run(scenario())


def test_those_that_wait_are_bounded_in_number_and_end_with_their_owner() -> None:
    async def scenario() -> None:
        async with clients(Broker(), None, None) as (server, client):
            replies = Replies(server)
            request = await asked(server, client, "_INBOX.gone.1")
            for _ in range(MAX_WAITING + 1):
                replies.send(request, "lost")
            await asyncio.sleep(1)
            waiting = [each for each in asyncio.all_tasks() if each.get_name() == "reply-question"]
            assert len(waiting) == MAX_WAITING

            await replies.close()
            await replies.close()

            assert all(each.done() for each in waiting)

    virtual_time.run(scenario())
