"""``system.exec`` with real programs (hub-project-api §3.3; §8.4 for what clients rely on)."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.project.commands import runner
from cocalc_jupyter_ext.project.commands.runner import CommandFailed, Commands
from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.processes import CannotStart, KilledCommand


@pytest.fixture
async def commands(tmp_path: Path) -> AsyncIterator[Commands]:
    commands = Commands(tmp_path, {"PATH": os.environ["PATH"], "HOME": "/elsewhere"})
    yield commands
    await commands.close()


async def execute(commands: Commands, **options: Any) -> Any:
    async with asyncio.timeout(60):
        return await commands.exec(options)


async def test_a_program_with_arguments(commands: Commands) -> None:
    assert await execute(commands, command="printf", args=["%s|", "a b", "$HOME"]) == {
        "type": "blocking",
        "stdout": "a b|$HOME|",
        "stderr": "",
        "exit_code": 0,
    }


async def test_a_script_runs_where_and_with_what_it_is_told(
    commands: Commands, tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    done = await execute(
        commands, command="pwd; echo $A $HOME; ulimit -t", path="sub", env={"A": "1"}, timeout=7
    )

    assert done["stdout"] == f"{tmp_path}/sub\n1 /elsewhere\n7\n"


async def test_the_script_lies_in_a_folder_of_its_own_that_goes(commands: Commands) -> None:
    done = await execute(commands, command="echo $0; stat -c %a $(dirname $0)", bash=True)

    script, mode = done["stdout"].split()
    assert script.endswith("/a.sh")
    assert mode == "700"
    assert not Path(script).parent.exists()


async def test_a_failure_has_the_fragments_that_clients_look_for(commands: Commands) -> None:
    with pytest.raises(CommandFailed) as failed:
        await execute(commands, command="echo 'test error message' >&2; exit 42", bash=True)

    assert "exited with nonzero code 42" in str(failed.value)
    assert "stderr='test error message\n'" in str(failed.value)
    assert "ulimit" not in str(failed.value)


async def test_of_a_long_error_the_beginning_is_told(commands: Commands) -> None:
    with pytest.raises(CommandFailed) as failed:
        await execute(commands, command="printf 'y%.0s' {1..5000} >&2; exit 1", bash=True)

    assert f"stderr='{'y' * 1024}'" in str(failed.value)


async def test_a_nonzero_code_is_no_failure_if_the_caller_says_so(commands: Commands) -> None:
    done = await execute(commands, command="exit 42", bash=True, err_on_exit=False)

    assert done["exit_code"] == 42


async def test_what_cannot_be_started_fails_even_then(commands: Commands) -> None:
    with pytest.raises(CannotStart, match="ENOENT"):
        await execute(commands, command="no-such-program", err_on_exit=False)


async def test_when_the_time_is_over_the_call_fails(commands: Commands) -> None:
    with pytest.raises(KilledCommand, match=r"^killed command 'sleep 100'.*0\.2 s"):
        await execute(commands, command="sleep 100", timeout=0.2)


async def test_output_is_cut_and_says_so(commands: Commands) -> None:
    done = await execute(commands, command="echo", args=["123456"], max_output=3)

    assert done["stdout"] == "123 (truncated at 3 characters)"


async def test_the_id_of_a_call_is_echoed(commands: Commands) -> None:
    assert (await execute(commands, command="true", id="x"))["id"] == "x"


async def test_the_id_of_a_job_is_echoed(commands: Commands) -> None:
    started = await execute(commands, command="true", id="x", async_call=True)
    ended = await execute(commands, command="true", id="y", async_call=True, async_await=True)

    assert (started["status"], started["id"]) == ("running", "x")
    assert (ended["status"], ended["id"]) == ("completed", "y")


async def test_calls_that_aggregate_share_one_run(commands: Commands, tmp_path: Path) -> None:
    options = {"command": "echo x >> runs; sleep 0.3; cat runs", "aggregate": 5}
    results = await asyncio.gather(*[execute(commands, **options) for _ in range(3)])

    assert [result["stdout"] for result in results] == ["x\n"] * 3
    again = await execute(commands, **{**options, "aggregate": 6})
    assert again["stdout"] == "x\nx\n"


async def test_calls_that_wait_are_bounded_and_jobs_are_not_held_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MAX_WAITING", 1)
    commands = Commands(tmp_path, {"PATH": os.environ["PATH"]})
    waiting = asyncio.create_task(execute(commands, command="sleep 100"))
    await asyncio.sleep(0)

    job = await execute(commands, command="true", async_call=True)
    for options in ({"command": "true"}, {"async_get": job["job_id"], "async_await": True}):
        with pytest.raises(ApiError, match="too many calls that wait for a command"):
            await execute(commands, **options)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (await execute(commands, command="true"))["exit_code"] == 0
    await commands.close()


async def test_a_job_is_answered_at_once_and_can_be_asked_for(
    commands: Commands, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "go")
    script = "echo first; read line < go; echo $line"
    job = await execute(commands, command=script, async_call=True)
    assert (job["status"], job["stdout"], job["exit_code"]) == ("running", "", 0)
    assert job["pid"] > 1

    async with asyncio.timeout(60):
        while (await execute(commands, async_get=job["job_id"]))["stdout"] != "first\n":
            await asyncio.sleep(0.01)
    asked = asyncio.create_task(execute(commands, async_get=job["job_id"], async_await=True))
    await asyncio.to_thread((tmp_path / "go").write_text, "second\n")
    done = await asked

    assert (done["status"], done["stdout"]) == ("completed", "first\nsecond\n")
    assert done["elapsed_s"] > 0
    assert "stats" not in done


@pytest.mark.parametrize(
    ("options", "stderr"),
    [
        ({"command": "echo out; echo no >&2; exit 3", "bash": True}, "no\n"),
        ({"command": "sleep 100", "timeout": 0.1}, "killed command 'sleep 100'"),
        ({"command": "no-such-program"}, "ENOENT"),
        ({"command": "ls", "cwd": "/no/such/folder"}, "ENOENT"),
    ],
)
async def test_a_job_that_fails_says_so_in_its_record(
    commands: Commands, options: dict[str, Any], stderr: str
) -> None:
    job = await execute(commands, **options, async_call=True)
    assert job["status"] == "running"

    done = await execute(commands, async_get=job["job_id"], async_await=True)

    assert (done["status"], done["stdout"], done["exit_code"]) == ("error", "", 1)
    assert stderr in done["stderr"]


async def test_a_job_may_end_with_a_code_of_its_own(commands: Commands) -> None:
    options = {"command": "exit 3", "err_on_exit": False, "async_call": True, "async_await": True}
    done = await execute(commands, **options)

    assert (done["status"], done["exit_code"]) == ("completed", 3)


async def test_a_job_is_measured(commands: Commands) -> None:
    done = await execute(
        commands, command="sleep 1.3", async_call=True, async_await=True, async_stats=True
    )

    assert [sorted(each) for each in done["stats"]] == [
        ["cpu_pct", "cpu_secs", "mem_rss", "timestamp"]
    ]
    assert done["stats"][0]["mem_rss"] > 0


async def test_an_unknown_job_is_an_error(commands: Commands) -> None:
    with pytest.raises(ApiError, match="there is no job 'x'"):
        await execute(commands, async_get="x")


async def test_closing_ends_what_runs(commands: Commands) -> None:
    job = await execute(commands, command="sleep 1000", async_call=True, timeout=0)
    began = time.monotonic()

    await commands.close()
    await commands.close()

    with pytest.raises(ProcessLookupError):
        os.kill(job["pid"], 0)
    assert time.monotonic() - began < 20
    told = await execute(commands, async_get=job["job_id"])
    assert (told["status"], told["stderr"]) == ("error", "the project was stopped")
    for options in ({"command": "true"}, {"command": "true", "async_call": True}):
        with pytest.raises(ApiError, match="is being stopped"):
            await execute(commands, **options)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
async def test_root_may_run_commands_as_somebody_else(commands: Commands, tmp_path: Path) -> None:
    done = await execute(
        commands, command="id -u; id -g; id -G; echo $HOME", uid=12345, gid=12346, cwd="/"
    )

    assert done["stdout"] == f"12345\n12346\n12346\n{tmp_path}\n"
