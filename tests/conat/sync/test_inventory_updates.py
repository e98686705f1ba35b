"""When the entry of a store in the inventory is brought up to date (conat-sync §4.7)."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.errors import RequestTimeout
from cocalc_jupyter_ext.conat.sync.inventory_updates import InventoryUpdates
from tests.support import virtual_time


class Updated:
    def __init__(self, *errors: Exception) -> None:
        self.times_s: list[float] = []
        self.errors = list(errors)

    async def __call__(self) -> None:
        self.times_s.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)


def test_the_first_write_updates_after_a_moment_and_later_ones_at_most_every_90_seconds() -> None:
    async def check() -> None:
        updated = Updated()
        updates = InventoryUpdates(updated, "box")
        for _ in range(100):
            updates.request()
            await asyncio.sleep(1)
        await asyncio.sleep(500)
        updates.request()
        await asyncio.sleep(500)
        await updates.close()

        assert updated.times_s == [0.5, 90.5, 180.5, 600.5]

    virtual_time.run(check())


def test_a_failure_is_logged_and_costs_only_that_update(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        updated = Updated(RequestTimeout("timeout"))
        updates = InventoryUpdates(updated, "box")
        for _ in range(2):
            updates.request()
            await asyncio.sleep(100)
        await updates.close()

        assert len(updated.times_s) == 2

    virtual_time.run(check())
    assert "the inventory entry of 'box' stays old: timeout" in caplog.text


def test_closing_drops_what_is_pending_and_may_be_repeated() -> None:
    async def check() -> None:
        updated = Updated()
        updates = InventoryUpdates(updated, "box")
        updates.request()
        await updates.close()
        await updates.close()
        await asyncio.sleep(10)

        assert updated.times_s == []

    virtual_time.run(check())
