"""What a server of its own promises beyond delivering messages."""

from collections.abc import Mapping
from typing import Any

from cocalc_jupyter_ext.conat.broker.broker import Broker

from ..support.conat_peers import DenyPrefix
from ..support.conat_process import conat_process
from ..support.conat_server import serve
from ..support.javascript import run_checks


async def test_requests_end_with_a_reply_or_an_error() -> None:
    async with conat_process() as server:
        report = await run_checks("requests", server.address)

    assert report["failed"] == []
    assert len(report["passed"]) == 9


async def test_what_is_not_allowed_is_refused() -> None:
    async with serve(Broker(DenyPrefix("secret."))) as address:
        report = await run_checks("denials", address)

    assert report["failed"] == []
    assert len(report["passed"]) == 7


async def test_subscriptions_are_limited() -> None:
    """conat-core §21, Limits: with a limit of 3 subscriptions the next fails with "limit"."""
    async with conat_process("--max-subscriptions-per-client", "3") as server:
        report = await run_checks("limits", server.address)

    assert report["failed"] == []
    assert len(report["passed"]) == 3


async def test_a_refused_client_is_told_why_and_does_not_come_back() -> None:
    """conat-core §21, Authentication failure: a refused client is disconnected promptly, told the
    reason, and leaves nothing.
    """
    async with conat_process("--fail-auth", "closed today") as server:
        report = await run_checks("refusal", server.address)

    assert report["failed"] == []
    assert len(report["passed"]) == 1


async def test_clients_find_a_server_that_was_replaced() -> None:
    """conat-core §21, Connecting: a client started before its server connects once it is up."""
    async with conat_process() as server:

        async def restart(_said: Mapping[str, Any]) -> None:
            await server.restart()

        report = await run_checks("resync", server.address, answers={"restart": restart})

    assert report["failed"] == []
    assert len(report["passed"]) == 5


async def test_the_system_api_answers() -> None:
    arguments = ("--id", "node-1", "--cluster-name", "default")
    async with conat_process(*arguments, env={"CONAT_SYSTEM_PASSWORD": "s3+cret"}) as server:
        report = await run_checks("system", server.address, "sys=s3%2Bcret")

    assert report["failed"] == []
    assert len(report["passed"]) == 8
