"""``conat-server`` as a process: how it starts, what it says, how it ends."""

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.persist.access import Owner, StorageOptions
from cocalc_jupyter_ext.conat.persist.client.remote import acquire
from cocalc_jupyter_ext.conat.persist.messages import NewMessage
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport

from ...support.conat_process import conat_process, run_module

MAX_START_S = 5.0  # 0.3 s on an idle machine
MAX_END_S = 5.0  # below 2 s on an idle machine


async def test_one_line_says_where_the_server_is_once_it_accepts_connections() -> None:
    async with conat_process("--id", "node-1", "--base-path", "/a/b") as server:
        ready = server.ready
        async with asyncio.timeout(60), Client(TornadoTransport(server.address)) as client:
            info = await client.wait_until_signed_in()
            code, output, errors, _took_s = await server.stop()

    print(f"started in {server.start_s:.2f} s")
    assert set(ready) == {"ready", "address", "host", "port", "id", "pid"}
    assert ready["ready"] is True
    assert ready["address"] == f"http://127.0.0.1:{ready['port']}/a/b"
    assert (ready["host"], ready["id"]) == ("127.0.0.1", "node-1")
    assert ready["pid"] != os.getpid()
    assert info.server_id == "node-1"
    assert (code, output, errors) == (0, "", "")
    assert server.start_s < MAX_START_S


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_while_clients_are_connected_and_wait(how: signal.Signals) -> None:
    async with conat_process() as server, asyncio.timeout(30):
        transport = TornadoTransport(server.address)
        async with Client(transport) as waiting, Client(transport) as subscribed:
            subscription = await subscribed.subscribe("a.*")
            await waiting.wait_until_signed_in()
            interest = asyncio.create_task(waiting.wait_for_interest("nobody.here", 60))
            reply = asyncio.create_task(waiting.request("a.b", 1, timeout_s=60))
            await anext(subscription)  # the wait for interest was sent before this request

            code, output, errors, took_s = await server.stop(how)

            assert await interest is False
            reply.cancel()
            await asyncio.gather(reply, return_exceptions=True)
    print(f"ended in {took_s:.2f} s")
    assert (code, output, errors) == (0, "", "")
    assert took_s < MAX_END_S


async def test_an_idle_connection_that_never_speaks_does_not_hold_the_end_up() -> None:
    async with conat_process() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ready["port"])
        code, _output, errors, took_s = await server.stop()
        assert await reader.read() == b""
        writer.close()

    assert (code, errors) == (0, "")
    assert took_s < MAX_END_S


async def test_the_same_port_can_be_served_again_at_once() -> None:
    async with (
        conat_process() as server,
        asyncio.timeout(60),
        Client(TornadoTransport(server.address)) as client,
    ):
        subscription = await client.subscribe("a.b")
        first = server.ready
        await server.restart()
        await client.wait_for_interest("a.b")  # restored by the client itself
        await client.publish("a.b", "back")
        assert (await anext(subscription)).data == "back"

    assert server.ready["port"] == first["port"]
    assert server.ready["pid"] != first["pid"]


async def test_a_port_in_use_is_an_error_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        finished = await run_module("conat_server", "--no-persist", "--port", port)

    assert finished.code == 1
    assert finished.output == ""
    assert f"cannot serve on 127.0.0.1:{port}" in finished.errors
    assert "in use" in finished.errors
    assert "Traceback" not in finished.errors


async def test_it_refuses_to_be_open_to_other_machines_without_asking_anybody() -> None:
    finished = await run_module("conat_server", "--no-persist", "--host", "0.0.0.0")

    assert finished.code == 2
    assert finished.output == ""
    assert "--hub-password-file" in finished.errors


async def test_streams_outlive_the_server(tmp_path: Path) -> None:
    """conat-sync §1: the persist service runs in the same process, with files in DIR/sync."""
    owner, storage = Owner(), StorageOptions("hub/stream")
    async with conat_process("--data", str(tmp_path / "new")) as server, asyncio.timeout(60):
        async with Client(TornadoTransport(server.address)) as client:
            stream = await acquire(client, owner, storage)
            receipt = await stream.set(NewMessage(raw=b"kept", key="k"))
            await stream.close()
        code, _output, errors, took_s = await server.stop()
        assert (code, errors) == (0, "")
        assert took_s < MAX_END_S

        await server.start()
        async with Client(TornadoTransport(server.address)) as client:
            stream = await acquire(client, owner, storage)
            message = await stream.get(key="k")
            await stream.close()

    assert message is not None
    assert (message.seq, message.raw) == (receipt.seq, b"kept")
    assert list((tmp_path / "new" / "sync").rglob("*stream*"))


async def test_a_folder_that_cannot_be_used_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments = ("--port=0", "--data", str(tmp_path / "file" / "below"))
    finished = await run_module("conat_server", *arguments)

    assert finished.code == 1
    assert f"cannot use {tmp_path / 'file'}" in finished.errors
    assert "Traceback" not in finished.errors


async def test_nothing_secret_is_printed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    arguments = (f"--hub-password-file={secret}", f"--system-password-file={secret}", "--verbose")
    async with conat_process(*arguments) as server:
        headers = {"Cookie": "hub_password=hunter2"}
        async with asyncio.timeout(60):
            async with Client(TornadoTransport(server.address, headers=headers)) as client:
                await client.wait_until_signed_in()
        _code, output, errors, _took_s = await server.stop()

    assert "hunter2" not in json.dumps(server.ready) + output + errors
