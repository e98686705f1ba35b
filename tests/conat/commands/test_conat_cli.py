"""``conat`` as people and scripts use it: real processes, real exit codes."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.commands.conat_cli import SUBCOMMANDS, main

from ...support.conat_process import (
    COMMANDS,
    ConatProcess,
    Finished,
    conat_process,
    environment,
    run_module,
)

ENV = "CONAT_SERVER"


@pytest.fixture
async def server() -> AsyncIterator[ConatProcess]:
    async with conat_process("--cookie-users") as running:
        yield running


async def conat(server: ConatProcess, *arguments: str, stdin: bytes = b"") -> Finished:
    return await run_module("conat_cli", *arguments, stdin=stdin, env={ENV: server.address})


@asynccontextmanager
async def listening(
    server: ConatProcess, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Give a subcommand that runs on, once it says that it listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"{COMMANDS}.conat_cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment({ENV: server.address}),
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            assert b"listening" in await process.stderr.readline()
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def output_of(process: asyncio.subprocess.Process) -> list[str]:
    """Wait for the end and return the lines written; the exit code must be 0."""
    async with asyncio.timeout(30):
        output, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    return output.decode().splitlines()


async def test_a_published_message_is_written_by_a_subscriber(server: ConatProcess) -> None:
    async with listening(server, "sub", "a.*", "--count", "2", "--json") as subscriber:
        sent = await conat(server, "pub", "a.b", "hello", "--header", "k=v", "--count=2", "--json")
        lines = [json.loads(line) for line in await output_of(subscriber)]

    assert (sent.code, sent.errors) == (0, "")
    answers = [json.loads(line) for line in sent.output.splitlines()]
    assert answers == [{"subject": "a.b", "bytes": 6, "count": 1}] * 2
    message = {
        "subject": "a.b",
        "data": "hello",
        "headers": {"k": "v"},
        "encoding": "msgpack",
        "bytes": 6,
    }
    assert lines == [message] * 2


async def test_members_of_a_queue_group_share_the_messages(server: ConatProcess) -> None:
    one = listening(server, "sub", "a.b", "--queue=q")
    two = listening(server, "sub", "a.b", "--queue=q")
    async with one, two:
        sent = await conat(server, "pub", "a.b", "x", "--json")

    assert json.loads(sent.output)["count"] == 1


async def test_publishing_to_nobody_is_no_error(server: ConatProcess) -> None:
    sent = await conat(server, "pub", "a.b")

    assert (sent.code, sent.output) == (0, "published 1 bytes to a.b, receivers: 0\n")


async def test_an_echo_answers_with_what_was_sent(server: ConatProcess) -> None:
    async with listening(server, "reply", "x.*", "--echo", "--count=1") as responder:
        reply = await conat(
            server, "request", "x.y", "--data=-", "--type=json", "--encoding=json", "--json",
            stdin=b'{"a": [1]}',
        )  # fmt: skip
        await output_of(responder)

    line = json.loads(reply.output)
    assert (reply.code, line["data"], line["encoding"]) == (0, {"a": [1]}, "json")
    assert "headers" not in line


async def test_a_request_collects_as_many_replies_as_wanted(server: ConatProcess) -> None:
    one = listening(server, "reply", "x", "one", "--queue=1")
    two = listening(server, "reply", "x", "two", "--queue=2")
    async with one, two:
        reply = await conat(server, "request", "x", "--count=2", "--json")

    answers = {json.loads(line)["data"] for line in reply.output.splitlines()}
    assert (reply.code, answers) == (0, {"one", "two"})


async def test_a_request_that_nobody_answers_is_an_error(server: ConatProcess) -> None:
    nobody = await conat(server, "request", "x")
    async with listening(server, "sub", "x"):
        silent = await conat(server, "request", "x", "--timeout=0.2")

    assert (nobody.code, nobody.output) == (1, "")
    assert "no subscribers matching 'x' (code 503)" in nobody.errors
    assert silent.code == 1
    assert "(code 408)" in silent.errors


async def test_too_few_messages_are_an_error_only_when_they_were_counted_on(
    server: ConatProcess,
) -> None:
    counted = await conat(server, "sub", "x", "--count=1", "--timeout=0.2")
    watched = await conat(server, "sub", "x", "--timeout=0.2")

    assert counted.code == 1
    assert "less than 1 messages" in counted.errors
    assert watched.code == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [("sub", "x"), ("reply", "x", "--echo")])
async def test_what_listens_ends_cleanly_when_interrupted(
    server: ConatProcess, how: signal.Signals, command: tuple[str, ...]
) -> None:
    async with listening(server, *command) as process:
        process.send_signal(how)
        assert await output_of(process) == []


async def test_a_measurement_that_is_interrupted_says_so_by_its_exit_code(
    server: ConatProcess,
) -> None:
    async with listening(server, "bench", "sub", "x") as process:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            output, errors = await process.communicate()

    assert (process.returncode, output, errors) == (130, b"", b"")


@pytest.mark.parametrize(
    ("arguments", "messages", "has_latencies"),
    [
        (("pub", "--clients=2"), 300, False),
        (("pub", "--confirm", "--in-flight=4"), 300, True),
        (("sub", "--both", "--clients=2"), 600, True),
        (("sub", "--both", "--clients=2", "--queue=q"), 300, True),
        (("request", "--both", "--in-flight=4"), 300, True),
    ],
)
async def test_measurements_report_rates_and_latencies(
    server: ConatProcess, arguments: tuple[str, ...], messages: int, has_latencies: bool
) -> None:
    finished = await conat(server, "bench", *arguments, "--count=300", "--json")

    assert finished.code == 0, finished.errors
    report = json.loads(finished.output)
    assert (report["messages"], report["size"]) == (messages, 128)
    assert report["messages_per_s"] > 0
    assert ("latency_ms" in report) == has_latencies


async def test_a_measurement_that_gets_too_little_is_an_error(server: ConatProcess) -> None:
    finished = await conat(server, "bench", "sub", "x", "--count=5", "--timeout=0.2")

    assert finished.code == 1
    assert "only 0 of 5 messages came" in finished.errors


async def test_a_reader_that_leaves_ends_it_without_a_traceback(server: ConatProcess) -> None:
    async with listening(server, "sub", "a") as process:
        process.stdout._transport.close()  # type: ignore[union-attr] # as `head` does
        await conat(server, "pub", "a", "x", "--count=3")
        assert process.stderr is not None
        async with asyncio.timeout(30):
            errors = await process.stderr.read()
            code = await process.wait()

    assert (code, errors) == (1, b"")


async def test_a_server_that_is_not_there_is_an_error_in_time() -> None:
    arguments = ("--server=http://127.0.0.1:1", "--connect-timeout=0.3")
    finished = await run_module("conat_cli", "pub", "x", *arguments)

    assert finished.code == 1
    assert "no server has answered at http://127.0.0.1:1" in finished.errors
    assert "Traceback" not in finished.errors


async def test_an_address_that_is_none_is_an_error() -> None:
    finished = await run_module("conat_cli", "pub", "x", "--server=localhost")

    assert finished.code == 1
    assert "is not an address like" in finished.errors


async def test_a_refusal_is_told() -> None:
    async with conat_process("--fail-auth", "closed today") as server:
        finished = await conat(server, "pub", "x")

    assert finished.code == 1
    assert "failed to sign in: Error: closed today" in finished.errors


async def test_a_hub_gets_in_below_a_base_path(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    password = f"--hub-password-file={secret}"
    async with conat_process("--base-path=/a/b", password) as server:
        let_in = await conat(server, "pub", "x", password)
        refused = await conat(server, "pub", "x")

    assert let_in.code == 0
    assert refused.code == 1
    assert "no auth cookie set" in refused.errors


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("unknown",),
        ("pub",),
        ("pub", "x", "--count=0"),
        ("pub", "x", "--header=k"),
        ("pub", "x", "y", "--data=-"),
        ("reply", "x", "y", "--echo"),
        ("bench", "sub"),
        ("bench", "request"),
        ("bench", "pub", "--both"),
        ("bench", "pub", "--size=5"),
    ],
)
def test_mistakes_of_usage_are_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as ended:
        code = ended.code

    assert code == 2
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize("name", [each.name for each in SUBCOMMANDS])
def test_every_subcommand_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])

    assert ended.value.code == 0
    assert "--server" in capsys.readouterr().out
