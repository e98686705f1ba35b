"""``conat stats``: tables of what servers answer (conat-core §17)."""

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


async def test_a_server_without_the_system_api_is_named_with_what_to_do() -> None:
    async with conat_process() as server:
        finished = await run_module("conat_cli", "stats", "--server", server.address)

    assert finished.code == 1
    assert "start it with --system-password-file" in finished.errors
