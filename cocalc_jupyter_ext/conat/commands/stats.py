"""``conat stats``: who is connected to a server, by its system API (conat-core §17)."""

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from ..client.client import Client
from ..errors import ConatError, NoSubscribers, RemoteError, RequestTimeout
from ..services.rpc import call_many
from ..services.system import system_subject
from .command_line import EXIT_OK, Subcommand, count, seconds
from .connection import open_client
from .output import show

__all__ = ["STATS", "stats_table", "usage_table"]

COLUMNS = ("server", "connection", "user", "address", "subs", "sent", "received")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--usage", action="store_true", help="connections of each user instead")
    parser.add_argument("--nodes", type=count, default=1, help="servers of the cluster (1)")
    parser.add_argument("--timeout", type=seconds, default=10.0, help="in seconds (10)")


async def _run(options: argparse.Namespace) -> int:
    method = "usage" if options.usage else "stats"
    async with await open_client(options) as client:
        answers = await _ask(client, method, options.nodes, options.timeout)
    if options.json:
        show(json.dumps(answers))
    else:
        show(usage_table(answers) if options.usage else stats_table(answers))
    return EXIT_OK


async def _ask(client: Client, method: str, nodes: int, timeout_s: float) -> dict[str, Any]:
    """Return what the servers of the cluster answer, by server; raises ConatError."""
    info = await client.wait_until_signed_in()
    answers: dict[str, Any] = {}
    replies = call_many(
        client,
        system_subject(info.cluster_name),
        method,
        timeout_s=timeout_s,
        max_wait_s=timeout_s,
        max_messages=nodes,
    )
    try:
        async with aclosing(replies):
            async for answer in replies:
                answers |= _checked(answer)
    except NoSubscribers as error:
        raise ConatError(
            "the server has no system API; start it with --system-password-file"
        ) from error
    if len(answers) < nodes:
        raise RequestTimeout(f"only {len(answers)} of {nodes} servers answered")
    return answers


def _checked(answer: object) -> dict[str, Any]:
    if isinstance(answer, ConatError):
        raise answer
    if not isinstance(answer, dict):
        raise RemoteError("the server's answer is not an object")
    return answer


def stats_table(answers: Mapping[str, Any]) -> str:
    """Return one line for each connection: what it was sent, and says it received."""
    rows: list[Sequence[str]] = [COLUMNS]
    for server, connections in answers.items():
        for connection, stats in connections.items():
            rows.append(
                (
                    server,
                    connection,
                    _user(stats.get("user")),
                    str(stats.get("address") or "-"),
                    str(stats.get("subs", "-")),
                    _traffic(stats.get("send")),
                    _traffic(stats.get("recv")),
                )
            )
    return _aligned(rows)


def usage_table(answers: Mapping[str, Any]) -> str:
    """Return one line for each user, and the total of each server."""
    rows: list[Sequence[str]] = [("server", "user", "connections")]
    for server, usage in answers.items():
        rows += [(server, user, str(n)) for user, n in usage.get("perUser", {}).items()]
        rows.append((server, "all", str(usage.get("total", "-"))))
    return _aligned(rows)


def _user(user: object) -> str:
    if not isinstance(user, Mapping):
        return "null"
    return ", ".join(f"{key}={value}" for key, value in user.items())


def _traffic(traffic: object) -> str:
    if not isinstance(traffic, Mapping):
        return "-"
    return f"{traffic.get('messages', 0):,} ({traffic.get('bytes', 0):,} B)"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


STATS = Subcommand("stats", "write who is connected", _add_options, _run)
