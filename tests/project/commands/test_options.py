"""hub-project-api §3.3, the options and rules 1 and 2."""

from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.project.commands.options import (
    ASYNC_MAX_OUTPUT,
    Command,
    ExecOptions,
    Lookup,
    read_options,
)
from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.processes import MAX_OUTPUT

HOME = Path("/home/project")


def options(**values: Any) -> ExecOptions:
    read = read_options(values, HOME)
    assert isinstance(read, ExecOptions)
    return read


def test_the_defaults() -> None:
    read = options(command="date")

    assert read.command == Command("date", ("date",))
    assert read.cwd == HOME
    assert (read.timeout_s, read.max_output) == (60.0, MAX_OUTPUT)
    assert read.fails_on_exit
    assert not read.is_async


def test_a_job_keeps_less_output() -> None:
    assert options(command="date", async_call=True).max_output == ASYNC_MAX_OUTPUT


@pytest.mark.parametrize(
    ("values", "cwd"),
    [
        ({"path": "a/b"}, "/home/project/a/b"),
        ({"path": "/tmp"}, "/tmp"),
        ({"path": "a", "cwd": "/srv"}, "/srv"),
        ({"path": "a", "home": "/other"}, "/other/a"),
    ],
)
def test_where_a_command_runs(values: dict[str, str], cwd: str) -> None:
    assert options(command="ls", **values).cwd == Path(cwd)


def test_arguments_are_never_taken_apart() -> None:
    read = options(command="echo", args=["a b", "$HOME", "; rm -rf /"])

    assert read.command.argv == ("echo", "a b", "$HOME", "; rm -rf /")
    assert read.command.script is None


def test_white_space_without_arguments_makes_a_script() -> None:
    read = options(command="echo a; exit 3", timeout=2.5)

    assert read.command.script == "ulimit -t 3\necho a; exit 3"
    assert read.command.title == "echo a; exit 3"


@pytest.mark.parametrize("command", ["pwd\n", "ls ", "\tls"])
def test_any_white_space_makes_a_script(command: str) -> None:
    """§3.3, rule 1: not only white space between two words."""
    assert options(command=command, ulimit_timeout=False).command.script == command


def test_a_script_with_arguments_is_quoted() -> None:
    read = options(command="echo", args=["a b", "'"], bash=True, ulimit_timeout=False)

    assert read.command.script == """echo 'a b' ''"'"''"""


def test_without_a_time_limit_there_is_none_for_the_processor() -> None:
    assert options(command="echo a", timeout=0).command.script == "echo a"


def test_calls_that_differ_only_in_what_they_aggregate_by_are_the_same() -> None:
    first = options(command="ls", aggregate=1, env={"A": "1", "B": "2"})
    second = options(command="ls", aggregate=2, env={"B": "2", "A": "1"})

    assert first.share_key == second.share_key
    assert first.share_key != options(command="ls", aggregate=1).share_key


def test_asking_for_a_job_ignores_the_rest() -> None:
    asked = {"async_get": "j", "async_stats": True, "async_await": True, "command": 7}

    assert read_options(asked, HOME) == Lookup("j", with_stats=True, waits=True)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "command is missing"),
        ({"command": ""}, "must be the name of a program"),
        ({"command": "a\0"}, "must be the name of a program"),
        ({"command": "a", "args": ["\0"]}, "must be the name of a program"),
        ({"command": "a", "args": "b"}, "args must be a list of texts"),
        ({"command": "a", "timeout": "1"}, "timeout must be a number"),
        ({"command": "a", "env": {"A=B": "1"}}, "names in env"),
        ({"command": "a", "env": {"A": None}}, "value of 'A' in env"),
        ({"command": "a", "env": {"A": "\0"}}, "value of 'A' in env"),
        ({"command": "a", "compute_server_id": 3}, "compute_server_id is not supported"),
        ({"command": "a", "filesystem": True}, "filesystem is not supported"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        read_options(values, HOME)


def test_the_project_itself_is_no_compute_server() -> None:
    assert options(command="a", compute_server_id=0).command.argv == ("a",)
