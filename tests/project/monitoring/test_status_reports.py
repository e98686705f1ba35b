"""Reports of how a project is (hub-project-api §4.13, ``ProjectStatus``)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.types import ProjectId, User
from cocalc_jupyter_ext.project.monitoring.settings import MonitoringSettings
from cocalc_jupyter_ext.project.monitoring.status import StatusWatch
from cocalc_jupyter_ext.project.monitoring.status_reports import StatusReports

from ...support.conat_peers import clients
from .test_status import info

P = "11111111-1111-4111-8111-111111111111"
SUBJECT = f"project.{P}.0.project-status.-"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with clients(Broker(), User("project", ProjectId(P))) as (client,):
        yield client


class World:
    """A project that a test changes, and a time that it lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.looks = 0
        self.info: dict[str, Any] = info()
        self._tick = asyncio.Event()
        self._idle = asyncio.Event()

    async def look(self) -> dict[str, Any]:
        self.looks += 1
        return self.info

    async def sleep(self, seconds: float) -> None:
        assert seconds == 5
        self._idle.set()
        await self._tick.wait()
        self._tick.clear()

    async def first_look(self) -> None:
        await self._idle.wait()

    async def pass_time(self, seconds: float = 5) -> None:
        await self._idle.wait()
        self._idle.clear()
        self.now += seconds
        self._tick.set()
        await self._idle.wait()


@asynccontextmanager
async def reporting(client: Client) -> AsyncIterator[World]:
    world = World()
    watch = StatusWatch(5, machine_mib=1000, cores=4)
    async with StatusReports(
        client,
        SUBJECT,
        world.look,
        watch,
        MonitoringSettings(),
        clock=lambda: world.now,
        sleep=world.sleep,
    ):
        await world.first_look()
        yield world


async def test_nothing_is_looked_at_while_nobody_listens(client: Client) -> None:
    async with reporting(client) as world:
        await world.pass_time()
        assert world.looks == 0


async def test_a_look_that_fails_is_logged_and_tried_again(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    async with reporting(client) as world, await client.subscribe(SUBJECT) as reports:
        kept, world.info = world.info, {}
        await world.pass_time()
        assert "could not be looked at" in caplog.text
        world.info = kept
        await world.pass_time()
        async with asyncio.timeout(5):
            assert (await anext(reports)).data["alerts"] == []


async def test_a_listener_hears_at_once_then_every_minute_and_of_alerts(client: Client) -> None:
    async with reporting(client) as world, await client.subscribe(SUBJECT) as reports:

        async def report() -> Any:
            async with asyncio.timeout(5):
                return (await anext(reports)).data

        await world.pass_time()
        assert (await report())["usage"]["mem_rss"] == 10
        for _ in range(11):
            await world.pass_time()
        world.info = info(disk=50)
        await world.pass_time()
        assert await report() == {**status_of(world.info), "alerts": []}

        for _ in range(12):
            await world.pass_time()
        assert (await report())["alerts"] == [{"type": "disk"}]
        world.info = info()
        await world.pass_time()
        assert (await report())["alerts"] == []


def status_of(found: dict[str, Any]) -> dict[str, Any]:
    return StatusWatch(5, machine_mib=1000, cores=4).status(found, 0)
