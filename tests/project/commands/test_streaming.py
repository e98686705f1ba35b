"""hub-project-api §3.3, the streaming variant, over a real broker."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.types import ProjectId
from cocalc_jupyter_ext.project.commands.runner import Commands
from cocalc_jupyter_ext.project.commands.streaming import ExecStreamService, stream_subject

from ...support.conat_peers import clients

P = ProjectId("11111111-1111-4111-8111-111111111111")


@dataclass
class Caller:
    """Asks for commands and hears what they say."""

    client: Client
    commands: Commands

    async def hear(self, **options: Any) -> list[Any]:
        heard = []
        async with asyncio.timeout(30):
            request = {"project_id": P, **options}
            async for reply in self.client.request_many(stream_subject(P), request):
                if reply.data is None:
                    return heard
                heard.append(reply.data)
                if "error" in reply.data:
                    return heard
        raise AssertionError("the stream has no end")


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    commands = Commands(tmp_path, {"PATH": os.environ["PATH"]})
    async with (
        clients(Broker(), None, None) as (project, person),
        ExecStreamService(project, commands, P),
    ):
        yield Caller(person, commands)
    await commands.close()


async def test_output_is_sent_as_it_comes(caller: Caller) -> None:
    heard = await caller.hear(
        command="echo one; sleep 0.4; echo two >&2; exit 3", err_on_exit=False
    )

    assert [each["type"] for each in heard] == ["job", "stdout", "stderr", "done"]
    assert [each["seq"] for each in heard] == [0, 1, 2, 3]
    assert [each["data"] for each in heard[1:3]] == ["one\n", "two\n"]
    assert heard[0]["data"]["status"] == "running"
    assert heard[0]["data"]["pid"] > 1
    done = heard[3]["data"]
    assert (done["status"], done["exit_code"]) == ("completed", 3)
    assert done["job_id"] == heard[0]["data"]["job_id"]


async def test_the_output_of_a_command_that_ends_at_once_is_sent(caller: Caller) -> None:
    heard = await caller.hear(command="echo", args=["one"])

    assert [(each["type"], each["seq"]) for each in heard] == [
        ("job", 0),
        ("stdout", 1),
        ("done", 2),
    ]
    assert heard[1]["data"] == heard[2]["data"]["stdout"] == "one\n"
    told = heard[0]["data"]
    assert (told["status"], told["stdout"], told["exit_code"]) == ("running", "", 0)


async def test_a_command_that_fails_ends_the_stream_with_its_record(caller: Caller) -> None:
    heard = await caller.hear(command="no-such-program")

    assert heard[-1]["type"] == "done"
    assert heard[-1]["data"]["status"] == "error"
    assert "ENOENT" in heard[-1]["data"]["stderr"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"command": "ls", "project_id": "another"}, "project_id must be that of this project"),
        ({"args": ["ls"]}, "command is missing"),
        ({"async_get": "x"}, "is asked for by system.exec"),
    ],
)
async def test_what_makes_no_sense_is_answered_with_an_error(
    caller: Caller, options: dict[str, Any], reason: str
) -> None:
    heard = await caller.hear(**options)

    assert reason in heard[0]["error"]
