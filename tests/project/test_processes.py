"""Programs run for a caller: bounded in time and output (hub-project-api §3.3)."""

import asyncio
import os
import time
from pathlib import Path

import psutil
import pytest

from cocalc_jupyter_ext.project import processes
from cocalc_jupyter_ext.project.processes import (
    CannotStart,
    Finished,
    KilledCommand,
    Limits,
    Process,
    Start,
    child_environment,
    run,
    search_path,
)


def bash(script: str, cwd: Path) -> Start:
    return Start(["bash", "-c", script], cwd, {"PATH": os.environ["PATH"]})


async def test_output_and_exit_code(tmp_path: Path) -> None:
    done = await run(bash("echo out; echo err >&2; exit 3", tmp_path), Limits())

    assert done == Finished("out\n", "err\n", 3)


async def test_the_working_folder_is_that_given(tmp_path: Path) -> None:
    assert (await run(bash("pwd", tmp_path), Limits())).stdout == f"{tmp_path}\n"


async def test_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert (await run(bash("cat; echo end", tmp_path), Limits())).stdout == "end\n"


async def test_beyond_the_limit_output_is_dropped_and_the_program_goes_on(tmp_path: Path) -> None:
    script = "for i in $(seq 100000); do echo 0123456789; done; echo end >&2"

    done = await run(bash(script, tmp_path), Limits(max_output=12))

    assert done.stdout == "0123456789\n0 (truncated at 12 characters)"
    assert done.stderr == "end\n"


async def test_output_of_exactly_the_limit_is_called_truncated(tmp_path: Path) -> None:
    done = await run(bash("printf 1234", tmp_path), Limits(max_output=4))

    assert done.stdout == "1234 (truncated at 4 characters)"


async def test_a_character_that_comes_in_two_pieces_stays_whole(tmp_path: Path) -> None:
    heard: list[str] = []
    script = r"printf '\xc3'; sleep 0.2; printf '\xa4\xff'"
    process = await Process.start(
        bash(script, tmp_path), Limits(), lambda _stream, text: heard.append(text)
    )

    assert (await process.finish()).stdout == "ä\ufffd"
    assert "".join(heard) == "ä\ufffd"


async def test_when_the_time_is_over_everything_it_has_started_is_ended(tmp_path: Path) -> None:
    script = "sleep 1000 & echo $!; sleep 1000; true"
    process = await Process.start(bash(script, tmp_path), Limits(timeout_s=0.5))

    with pytest.raises(KilledCommand, match=r"^killed command 'bash'"):
        await process.finish()

    child = int(process.so_far("stdout"))
    await gone(child)
    await gone(process.pid)


async def test_when_nobody_waits_any_more_everything_is_ended(tmp_path: Path) -> None:
    started = asyncio.Event()
    script = "sleep 1000 & echo $!; sleep 1000; true"
    process = await Process.start(
        bash(script, tmp_path), Limits(timeout_s=0), lambda _stream, _text: started.set()
    )
    waiting = asyncio.create_task(process.finish())
    await started.wait()

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    await gone(int(process.so_far("stdout")))


async def gone(pid: int) -> None:
    async with asyncio.timeout(60):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)


async def test_what_is_left_in_the_background_holds_nobody_up(tmp_path: Path) -> None:
    began = time.monotonic()

    done = await run(bash("sleep 30 & echo $!", tmp_path), Limits(timeout_s=20))

    assert time.monotonic() - began < 15
    os.kill(int(done.stdout), 9)  # still there: raises otherwise


async def test_waiting_for_the_rest_of_the_output_does_not_count_as_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_LINGER_S", 1.5)
    done = await run(bash("sleep 30 & echo $!", tmp_path), Limits(timeout_s=1))

    os.kill(int(done.stdout), 9)
    assert done.exit_code == 0


async def test_a_program_ended_by_a_signal_from_outside_counts_as_zero(tmp_path: Path) -> None:
    """hub-project-api §3.3, rule 8."""
    assert (await run(bash("kill -TERM $$", tmp_path), Limits())).exit_code == 0


@pytest.mark.parametrize("argv", [["no-such-program-anywhere"], ["/"], ["a\0b"]])
async def test_what_cannot_be_started_says_why(argv: list[str], tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"ENOENT|EACCES|EINVAL"):
        await run(Start(argv, tmp_path, {}), Limits())


async def test_a_missing_working_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="ENOENT"):
        await run(bash("true", tmp_path / "nowhere"), Limits())


def test_children_do_not_get_what_lets_them_act_as_the_server() -> None:
    environ = {
        "PATH": "/bin",
        "DEBUG": "1",
        "NODE_ENV": "production",
        "JUPYTERHUB_API_TOKEN": "secret",
        "JUPYTER_TOKEN": "secret",
        "CONAT_HUB_PASSWORD": "secret",
    }

    assert child_environment(environ, A="b") == {"PATH": "/bin", "A": "b"}


def test_the_users_own_programs_are_found_first() -> None:
    """hub-project-api §4.11."""
    path = search_path({"PATH": "/usr/bin"}, Path("/home/user"))

    assert path == "/home/user/bin:/home/user/.local/bin:/usr/bin"
