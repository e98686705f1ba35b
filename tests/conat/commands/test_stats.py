"""``conat stats``: tables of what servers answer (conat-core §17)."""

import json
from pathlib import Path

from cocalc_jupyter_ext.conat.commands.stats import stats_table, usage_table

from ...support.conat_process import conat_process, run_module

CONNECTION = {
    "user": {"account_id": "ann"},
    "send": {"messages": 1200, "bytes": 34567},
    "recv": {"messages": 3, "bytes": 4},
    "subs": 2,
    "connected": 1,
    "active": 2,
    "address": "127.0.0.1",
}


def test_each_connection_is_a_line() -> None:
    assert stats_table({"0": {"c1": CONNECTION, "c22": {"user": None}}}).split("\n") == [
        "server  connection  user            address    subs  sent              received",
        "0       c1          account_id=ann  127.0.0.1  2     1,200 (34,567 B)  3 (4 B)",
        "0       c22         null            -          -     -                 -",
    ]


def test_each_user_is_a_line() -> None:
    usage = {"0": {"total": 3, "perUser": {'{"account_id":"ann"}': 2, "null": 1}}}

    assert usage_table(usage).split("\n") == [
        "server  user                  connections",
        '0       {"account_id":"ann"}  2',
        "0       null                  1",
        "0       all                   3",
    ]


async def test_the_connections_of_a_server_are_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    arguments = (f"--system-password-file={secret}", "--cluster-name=default", "--id=node-1")
    async with conat_process(*arguments) as server:
        sure = ("--server", server.address, f"--system-password-file={secret}")
        table = await run_module("conat_cli", "stats", *sure)
        stats = await run_module("conat_cli", "stats", "--json", *sure)
        usage = await run_module("conat_cli", "stats", "--usage", "--json", *sure)
        few = await run_module("conat_cli", "stats", "--nodes=2", "--timeout=3", *sure)

    assert (stats.code, stats.errors) == (0, "")
    connections = json.loads(stats.output)["node-1"].values()
    users = [each["user"] for each in connections]
    assert {"hub_id": "system"} in users  # who asks
    assert {"address", "send", "recv", "subs", "connected", "active"} <= set(
        next(iter(connections))
    )
    assert "hub_id=system" in table.output
    assert json.loads(usage.output)["node-1"]["perUser"]['{"hub_id":"system"}'] == 1
    assert few.code == 1
    assert "only 1 of 2 servers answered (code 408)" in few.errors


async def test_a_server_without_the_system_api_is_named_with_what_to_do() -> None:
    async with conat_process() as server:
        finished = await run_module("conat_cli", "stats", "--server", server.address)

    assert finished.code == 1
    assert "start it with --system-password-file" in finished.errors
