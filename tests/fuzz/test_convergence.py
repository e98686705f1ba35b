"""Shared structures converge, whatever happens between their writers (conat-sync §1.10, §4).

Several clients edit one map, map of objects or log at random while their links are slow, cut,
and lossy, the broker is replaced, and the service ends in order or by a kill. When all of that
is over: every replica shows what the stream holds; what was saved is there, once and in order;
no deletion is lost; and what each replica told folds into what it shows, nothing told twice.

A seed decides everything but the order of sets: a failure comes back with the right PYTHONHASHSEED,
and 0, 1, 2 … soon find one.
"""

import asyncio
import random
from typing import Any
from unittest import mock

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.sync.opening import open_dko, open_dkv, open_dstream

from ..support import virtual_time
from ..support.edited_structures import (
    SHARED_KEYS,
    LogReplica,
    MapReplica,
    MergingReplica,
    ObjectsReplica,
    Plan,
    Replica,
    union,
)
from ..support.rough_fabric import Journal, RoughFabric

SEEDS = 500
CHUNK = 25
# fmt: off
REGRESSIONS = [
    27, 52, 129, 242, 318, 421, 456, 481, 710, 797, 872, 912, 916, 1050, 2346, 3458, 7406,
]
# fmt: on
"""Seeds that found bugs; they are checked first."""

QUIET_S = 900


class Scenario:
    """One seed: clients that edit, faults, and the checks afterwards."""

    def __init__(self, plan: Plan, fabric: RoughFabric) -> None:
        self.plan = plan
        self.fabric = fabric
        self.rng = fabric.rng
        self.replicas: list[Replica] = []

    async def run(self) -> None:
        await self._write("p0")
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.plan.writers):
                tasks.create_task(self._write(f"p{number + 1}"))
            tasks.create_task(self._disturb())
        self.fabric.heal()
        await self._settle()
        self._check()

    @property
    def journals(self) -> list[Journal]:
        """The stream's histories: more than one if it lived in memory and began anew."""
        return next(
            journals for path, journals in self.fabric.journals.items() if "Inventory" not in path
        )

    # What happens

    async def _write(self, name: str) -> None:
        """Join; edit, unless one is the first, who only prepares."""
        client = await self.fabric.client()
        if self.replicas:
            transport = self.fabric.transports[-1]
            transport.latency_s, transport.badness = self.plan.latency_s, self.plan.badness
            await asyncio.sleep(self.rng.choice([0, 0, 1, 5]))
        replica = await self._open(name, client)
        if not self.replicas and isinstance(replica, MergingReplica):
            replica.structure.set_many({key: [] for key in SHARED_KEYS})
            await replica.structure.save()
        self.replicas.append(replica)
        if len(self.replicas) == 1:
            return
        for _ in range(self.plan.edits):
            replica.edit(self.rng)
            await asyncio.sleep(self.rng.choice([0, 0, 0.01, 0.3, 2]))

    async def _open(self, name: str, client: Client) -> Replica:
        plan = self.plan
        options: dict[str, Any] = {
            "name": "shared",
            "ephemeral": plan.ephemeral,
            "config": {"max_msgs": 8} if plan.limited else None,
            "no_inventory": not plan.inventory,
        }
        if plan.kind == "log":
            return LogReplica(name, plan, await open_dstream(client, **options))
        if plan.kind == "objects":
            dko = await open_dko(client, **options)
            return ObjectsReplica(name, plan, dko, dko.dkv)
        if plan.kind == "map":
            dkv = await open_dkv(client, **options)
            return MapReplica(name, plan, dkv, dkv)
        dkv = await open_dkv(client, merge=union, **options)
        return MergingReplica(name, plan, dkv, dkv)

    async def _disturb(self) -> None:
        fabric, rng = self.fabric, self.rng
        for _ in range(self.plan.faults):
            await asyncio.sleep(rng.random() * 4)
            match rng.randrange(7):
                case 0 | 1:
                    await rng.choice(fabric.transports).cut()
                case 2:
                    await fabric.restart_broker()
                case 3:
                    await fabric.stop_service()
                    await asyncio.sleep(rng.choice([0, 3]))
                    await fabric.start_service()
                case 4:
                    await fabric.kill_service()
                    await asyncio.sleep(rng.choice([0, 3]))
                    await fabric.start_service()
                case 5:
                    await fabric.lose_a_socket()
                case _:
                    rng.choice(fabric.transports).latency_s = rng.choice([0, 0.1, 2])

    # What has to hold afterwards

    async def _settle(self) -> None:
        """Wait until everything is saved and everybody has heard of it."""
        try:
            async with asyncio.timeout(QUIET_S):
                for each in self.replicas:
                    if isinstance(each, LogReplica):
                        await asyncio.gather(*each.deleting)
                await asyncio.gather(*(each.structure.save() for each in self.replicas))
                while not self._is_settled():
                    await asyncio.sleep(1)
        except TimeoutError:
            self._check()
            raise

    def _expected(self) -> Any:
        return self.replicas[0].expected(self.journals[-1].content())

    def _is_settled(self) -> bool:
        expected = self._expected()
        return all(
            each.structure.is_stable() and each.shown() == expected for each in self.replicas
        )

    def _check(self) -> None:
        expected = self._expected()
        assert {each.name: each.shown() for each in self.replicas if each.shown() != expected} == {}
        assert [each.name for each in self.replicas if each.folded() != each.shown()] == []
        assert [each.rejects for each in self.replicas if each.rejects] == []
        assert not any(each.structure.has_unsaved_changes() for each in self.replicas)
        if len(self.journals) == 1:
            for each in self.replicas:
                each.told.check(self.journals[0])
                each.check_kept(self.journals[0])


def check(seed: int) -> None:
    """Run one seed; its number and plan are part of the failure."""
    rng = random.Random(seed)
    plan = Plan.draw(rng)

    async def run() -> None:
        async with RoughFabric(rng) as fabric:
            await Scenario(plan, fabric).run()

    random.seed(seed)
    try:
        with mock.patch("os.urandom", random.Random(seed).randbytes):
            virtual_time.run(run())
    except BaseException as error:
        error.add_note(f"seed {seed}: {plan}")
        raise


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_what_failed_once_converges(seed: int) -> None:
    check(seed)


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_replicas_converge(first: int) -> None:
    for seed in range(first, first + CHUNK):
        check(seed)
