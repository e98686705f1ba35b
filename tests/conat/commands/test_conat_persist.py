"""``conat-persist`` as a process: how it starts, serves, and ends."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.persist.access import Owner, StorageOptions
from cocalc_jupyter_ext.conat.persist.client.remote import PersistClient, acquire
from cocalc_jupyter_ext.conat.transports.connect import connect

from ...support.conat_process import COMMANDS, conat_process, environment, run_module
from ...support.persist import QUICK, message
from ...support.ports import free_port
from ...support.waiting import until


@asynccontextmanager
async def persist_process(*arguments: str) -> AsyncIterator[tuple[Any, asyncio.subprocess.Process]]:
    """Give what a persist server says when it is ready, and its process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"{COMMANDS}.conat_persist", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            line = await process.stdout.readline()
        assert line, (await process.communicate())[1].decode()
        yield json.loads(line), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def stream(address: str, owner: Owner | None = None) -> AsyncIterator[PersistClient]:
    owner = owner or Owner()
    async with await connect(address) as client:
        access = await acquire(client, owner, StorageOptions(owner.path_of("demo")), settings=QUICK)
        yield access
        await access.close()


async def test_streams_are_served_through_a_broker_elsewhere_and_survive_a_restart(
    tmp_path: Path,
) -> None:
    async with conat_process() as server, stream(server.address) as access, asyncio.timeout(60):
        for seq in (1, 2):
            arguments = ("--server", server.address, "--data", str(tmp_path))
            async with persist_process(*arguments) as (ready, process):
                assert ready == {
                    "ready": True,
                    "server": server.address,
                    "service": "persist",
                    "id": "0",
                    "pid": process.pid,
                }
                receipt = await access.set(message(seq))
                process.send_signal(signal.SIGTERM)
                output, errors = await process.communicate()

            assert receipt.seq == seq
            assert (process.returncode, output, errors) == (0, b"", b"")
    assert (tmp_path / "sync" / "hub" / "demo.db").is_file()


async def test_it_goes_on_when_the_broker_was_restarted(tmp_path: Path) -> None:
    async with conat_process() as server, asyncio.timeout(60):
        arguments = ("--server", server.address, "--data", str(tmp_path))
        async with persist_process(*arguments):
            await server.restart()
            async with stream(server.address) as access:
                assert (await access.set(message(1))).seq == 1


async def test_two_processes_share_the_owners(tmp_path: Path) -> None:
    """conat-sync §7.3, with one broker."""
    async with conat_process() as server, asyncio.timeout(60):
        common = ("--server", server.address, "--data", str(tmp_path), "--ids", "0,1", "--id")
        async with persist_process(*common, "0"), persist_process(*common, "1"):
            found = set()
            for number in range(8):
                owner = Owner(project_id=f"00000000-0000-4000-8000-00000000000{number}")
                async with stream(server.address, owner) as access:
                    await access.set(message(number))
                    found.add(await access.server_id())

    assert found == {"0", "1"}


async def test_an_archive_is_made(tmp_path: Path) -> None:
    """conat-sync §7.4: settings are honoured; no backup while the storage is open."""
    archive = tmp_path / "archive"
    async with conat_process() as server, asyncio.timeout(60):
        arguments = ("--server", server.address, "--data", str(tmp_path), "--archive", str(archive))
        async with persist_process(*arguments), stream(server.address) as access:
            await access.set(message(1))
            await until((archive / "hub" / "demo.db").is_file)


@pytest.mark.parametrize(
    ("data", "reason"), [("DATA", "no server has answered"), ("FILE", "cannot use")]
)
async def test_what_cannot_be_served_is_said(tmp_path: Path, data: str, reason: str) -> None:
    (tmp_path / "FILE").write_text("")
    address = f"http://127.0.0.1:{free_port()}"
    finished = await run_module(
        "conat_persist",
        *("--server", address, "--data", str(tmp_path / data), "--connect-timeout", "0.2"),
    )

    assert finished.code == 1
    assert reason in finished.errors
    assert finished.errors.count("\n") == 1


async def test_a_refused_server_ends(tmp_path: Path) -> None:
    async with conat_process("--fail-auth", "go away") as server:
        finished = await run_module(
            "conat_persist", "--server", server.address, "--data", str(tmp_path)
        )

    assert finished.code == 1
    assert "go away" in finished.errors
