"""conat-core §11.7; SPEC K11."""

import asyncio
import logging

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.client.statistics import (
    ClientStatistics,
    StatisticsReporter,
    Traffic,
)
from cocalc_jupyter_ext.conat.errors import Disconnected
from cocalc_jupyter_ext.conat.protocol.chunks import Chunk
from cocalc_jupyter_ext.conat.protocol.messages import ReportStats
from cocalc_jupyter_ext.conat.types import MessageId

from ...support import virtual_time
from ...support.conat_peers import FlakyTransport, clients


def chunk(size: int, *, done: bool) -> Chunk:
    return Chunk(MessageId("m"), 0, done, 0, b"x" * size)


def test_the_last_chunk_of_a_message_counts_as_the_message() -> None:
    traffic = Traffic()
    traffic.count(chunk(10, done=False))
    traffic.count(chunk(3, done=True))

    assert traffic == Traffic(1, 13)


def test_the_report_holds_what_came_since_the_connection() -> None:
    statistics = ClientStatistics(recv=Traffic(5, 500))
    statistics.received(chunk(7, done=True))

    assert statistics.report() == ReportStats(1, 7)
    assert statistics.recv == Traffic(6, 507)


def test_a_reporter_reports_now_and_every_five_seconds_until_it_is_stopped() -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        reports: list[float] = []
        reporter = StatisticsReporter(lambda: reports.append(loop.time()))
        reporter.stop()
        reporter.start()
        reporter.start()
        await asyncio.sleep(12)
        reporter.stop()
        reporter.stop()
        await asyncio.sleep(100)

        assert reports == [0, 5, 10]

    virtual_time.run(check())


def test_a_report_that_cannot_be_sent_is_left_out() -> None:
    async def check() -> None:
        attempts: list[bool] = []

        def send() -> None:
            attempts.append(True)
            raise Disconnected

        reporter = StatisticsReporter(send)
        reporter.start()
        await asyncio.sleep(6)
        reporter.stop()

        assert len(attempts) == 2

    virtual_time.run(check())


def test_a_client_counts_what_it_sends_and_receives() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            async with await one.subscribe("x") as mine:
                await two.publish("x", "hi")
                two.publish_sync("x", "hello")
                await anext(mine)

                assert two.stats.send == Traffic(2, 9)
                assert one.stats.recv == one.stats.recv0 == Traffic(2, 9)
                assert (one.stats.subs, two.stats.subs) == (1, 0)
            assert one.stats.subs == 0

    virtual_time.run(check())


def test_the_server_is_told_and_a_new_connection_counts_anew() -> None:
    async def check() -> None:
        broker = Broker()
        transport = FlakyTransport(broker)
        async with Client(transport, rng=lambda: 0.5) as one:
            await one.subscribe("x")
            await one.publish("x", "hi")
            await asyncio.sleep(6)
            (peer,) = broker.peers.values()
            assert (peer.stats.received.messages, peer.stats.received.bytes) == (1, 3)
            await transport.cut()
            assert one.stats.recv0 == Traffic()
            assert one.stats.recv == Traffic(1, 3)
            await asyncio.sleep(6)
            (peer,) = broker.peers.values()
            assert peer.stats.received.messages == 0
        await broker.stop()

    virtual_time.run(check())


def test_a_closed_client_does_not_even_try_to_report(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with clients(Broker(), None) as (one,):
            await one.wait_until_signed_in()
            await one.close()
            await asyncio.sleep(20)

    with caplog.at_level(logging.DEBUG):
        virtual_time.run(check())
    assert "not reported" not in caplog.text
