"""Streams as JavaScript sees them, over raw sockets and beside Python on the same stores.

conat-sync §1, §2, §4, §7.2, §8.3, through ``conat-server`` as a process of its own.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.sync.dkv import DKV
from cocalc_jupyter_ext.conat.sync.dstream import DStream
from cocalc_jupyter_ext.conat.sync.opening import open_dkv, open_dstream
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport

from ..support.conat_process import conat_process
from ..support.javascript import run_checks
from ..support.waiting import until

PROJECT = "00000000-0000-4000-8000-000000000000"

Said = Mapping[str, Any]


class Neighbour:
    """A map and a log on stores that JavaScript uses too."""

    def __init__(self, box: DKV, log: DStream) -> None:
        self._box = box
        self._log = log

    async def set(self, said: Said) -> None:
        self._box.update(said["values"])
        await self._box.save()

    async def delete(self, said: Said) -> None:
        self._box.delete(said["key"])
        await self._box.save()

    async def box_until(self, said: Said) -> object:
        await until(lambda: self._box.get_all() == said["expected"])
        return self._box.get_all()

    async def push(self, said: Said) -> None:
        self._log.push(*said["values"])
        await self._log.save()

    async def log_until(self, said: Said) -> object:
        await until(lambda: self._log.is_stable() and len(self._log) == said["count"])
        return {"values": self._log.get_all()}


async def test_javascript_and_python_agree_on_streams(tmp_path: Path) -> None:
    """conat-sync §8.3: what a server must get right for standard clients."""
    async with (
        conat_process("--data", str(tmp_path)) as server,
        Client(TornadoTransport(server.address)) as client,
        await open_dkv(client, name="shared-map", project_id=PROJECT) as box,
        await open_dstream(client, name="shared-log", project_id=PROJECT) as log,
    ):
        neighbour = Neighbour(box, log)

        async def restart(_said: Said) -> None:
            await server.restart()

        answers = {
            "map set": neighbour.set,
            "map delete": neighbour.delete,
            "map until": neighbour.box_until,
            "log push": neighbour.push,
            "log until": neighbour.log_until,
            "restart": restart,
        }
        async with asyncio.timeout(80):
            report = await run_checks("streams", server.address, answers=answers)

    assert report["failed"] == []
    assert len(report["passed"]) == 18
