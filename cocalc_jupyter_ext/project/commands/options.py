"""What a caller of ``exec`` wants, and the command that this means (pure; hub-project-api §3.3)."""

import math
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..arguments import Arguments
from ..dispatch import ApiError
from ..processes import MAX_OUTPUT

__all__ = ["ASYNC_MAX_OUTPUT", "SCRIPT", "Command", "ExecOptions", "Lookup", "read_options"]

ASYNC_MAX_OUTPUT: Final = 1_048_576
DEFAULT_TIMEOUT_S: Final = 60.0
SCRIPT: Final = "a.sh"
_NAME: Final = "system.exec"


@dataclass(frozen=True, slots=True)
class Lookup:
    """Asks for a job that was started earlier; ``waits`` until it is finished."""

    job_id: str
    with_stats: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A program with arguments, or with ``script`` the text of a bash script.

    ``title`` is what its caller wrote.
    """

    title: str
    argv: tuple[str, ...]
    script: str | None = None


@dataclass(frozen=True, slots=True)
class ExecOptions:
    """One call: what to run, where, for how long, and how to answer."""

    command: Command
    cwd: Path
    home: Path
    env: Mapping[str, str]
    timeout_s: float = DEFAULT_TIMEOUT_S
    max_output: int = MAX_OUTPUT
    fails_on_exit: bool = True
    is_async: bool = False
    with_stats: bool = False
    waits: bool = False
    uid: int | None = None
    gid: int | None = None
    aggregate: Any = None
    echo: Any = None

    @property
    def share_key(self) -> str:
        """The same for calls that differ only in what they aggregate by."""
        return repr(replace(self, aggregate=None, echo=None, env=dict(sorted(self.env.items()))))


def read_options(value: object, home: Path) -> ExecOptions | Lookup:
    """Read the argument of a call; raises ApiError that says what is wrong with it.

    Relative paths are relative to ``home``, which the caller may change.
    """
    options = Arguments(_NAME, value)
    if options.has("async_get"):
        return Lookup(
            options.text("async_get"),
            with_stats=options.flag("async_stats"),
            waits=options.flag("async_await"),
        )
    for elsewhere in ("compute_server_id", "filesystem"):
        if options.flag(elsewhere):
            raise ApiError(f"{_NAME}: {elsewhere} is not supported; commands run in the project")
    home = home / options.path("home", "")
    timeout_s = float(options.number("timeout", DEFAULT_TIMEOUT_S))
    is_async = options.flag("async_call")
    return ExecOptions(
        command=_command(options, timeout_s),
        cwd=home / options.path("cwd", None) if options.has("cwd") else _cwd(options, home),
        home=home,
        env=_env(options),
        timeout_s=timeout_s,
        max_output=options.integer("max_output", ASYNC_MAX_OUTPUT if is_async else MAX_OUTPUT),
        fails_on_exit=options.flag("err_on_exit", default=True),
        is_async=is_async,
        with_stats=options.flag("async_stats"),
        waits=options.flag("async_await"),
        uid=options.integer("uid", None),
        gid=options.integer("gid", None),
        aggregate=options.value("aggregate"),
        echo=options.value("id"),
    )


def _cwd(options: Arguments, home: Path) -> Path:
    return Path(os.path.normpath(home / options.path("path", "")))


def _env(options: Arguments) -> dict[str, str]:
    env = {}
    for name, value in options.mapping("env", {}).items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise ApiError(f"{_NAME}: the names in env must be those of environment variables")
        if not isinstance(value, str | int | float) or "\0" in str(value):
            raise ApiError(f"{_NAME}: the value of '{name[:100]}' in env must be a text")
        env[name] = str(value)
    return env


def _command(options: Arguments, timeout_s: float) -> Command:
    """Return what is to be run; with white space and no arguments it is a script."""
    command, args = options.text("command"), options.texts("args", [])
    if not command or "\0" in command or any("\0" in each for each in args):
        raise ApiError(f"{_NAME}: command must be the name of a program, or a script")
    is_script = options.flag("bash")
    if not args and any(character.isspace() for character in command):
        is_script = True
    if not is_script:
        return Command(" ".join([command, *args]), (command, *args))
    text = title = shlex.join([command, *args]) if args else command
    if timeout_s and options.flag("ulimit_timeout", default=True):
        text = f"ulimit -t {math.ceil(timeout_s)}\n{text}"
    return Command(title, ("bash", SCRIPT), text)
