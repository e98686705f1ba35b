"""Telling others what need not be kept (conat-sync §4.6)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import CodecError
from cocalc_jupyter_ext.conat.sync.errors import Closed
from cocalc_jupyter_ext.conat.sync.pubsub import open_pubsub, pubsub_subject
from tests.support.conat_peers import FlakyTransport, clients
from tests.support.waiting import until

PROJECT = "00000000-0000-4000-8000-000000000000"


def test_the_subject_names_project_purpose_and_path() -> None:
    assert pubsub_subject(PROJECT, "cursors") == f"project.{PROJECT}.-.pubsub-cursors.-"
    assert (
        pubsub_subject(PROJECT, "cursors", "ä b.txt")
        == f"project.{PROJECT}.-.pubsub-cursors.w6QgYi50eHQ="
    )


async def test_everybody_hears_every_value_one_s_own_included() -> None:
    async with clients(Broker(), None, None) as (one, two):
        told: list[Any] = []
        here = await open_pubsub(one, project_id=PROJECT, name="cursors", path="a")
        there = await open_pubsub(two, project_id=PROJECT, name="cursors", path="a")
        other = await open_pubsub(two, project_id=PROJECT, name="cursors", path="b")
        async with here, there, other:
            here.changes.connect(lambda value: told.append(("here", value)))
            there.changes.connect(lambda value: told.append(("there", value)))
            other.changes.connect(lambda value: told.append(("other", value)))
            here.set({"user_id": 1, "locs": None})
            await until(lambda: len(told) == 2)

            assert sorted(name for name, _ in told) == ["here", "there"]
            with pytest.raises(CodecError):
                here.set(object())


async def test_after_closing_nothing_is_told_or_heard() -> None:
    async with clients(Broker(), None) as (client,):
        ends: list[str] = []
        place = await open_pubsub(client, project_id=PROJECT, name="cursors")
        place.closed.connect(lambda: ends.append("closed"))
        await place.close()
        await place.close()

        assert ends == ["closed"]
        with pytest.raises(Closed):
            place.set(1)


async def test_a_value_that_cannot_be_read_is_logged_and_the_next_one_is_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with clients(Broker(), None) as (client,):
        told: list[Any] = []
        async with await open_pubsub(client, project_id=PROJECT, name="x") as place:
            place.changes.connect(told.append)
            client.publish_sync(place.subject, raw=b"\xc1")
            place.set("good")
            await until(lambda: told == ["good"])

    assert "cannot be read" in caplog.text


async def test_without_a_connection_a_value_is_lost_and_listening_goes_on_with_the_next() -> None:
    broker = Broker()
    transport = FlakyTransport(broker)
    async with Client(transport, rng=lambda: 0.0) as client:
        told: list[Any] = []
        async with await open_pubsub(client, project_id=PROJECT, name="x") as place:
            place.changes.connect(told.append)
            await transport.cut()
            place.set("lost")
            await client.wait_until_signed_in()
            await client.wait_for_interest(place.subject)
            place.set("good")
            await until(lambda: told == ["good"])
    await broker.stop()
