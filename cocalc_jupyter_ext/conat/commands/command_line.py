"""What the subcommands of ``conat`` have in common: options, and how they are read."""

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..._version import __version__

__all__ = [
    "EXIT_ERROR",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_USAGE",
    "Subcommand",
    "UsageError",
    "connection_options",
    "count",
    "header",
    "payload_options",
    "program",
    "queue_option",
    "seconds",
]

EXIT_OK: Final = 0
EXIT_ERROR: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130

DEFAULT_SERVER: Final = "http://127.0.0.1:3000"
MAX_SECONDS: Final = 86_400.0


class UsageError(Exception):
    """Options that contradict each other."""


def program(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Return the parser of a command, which knows ``--help`` and ``--version``."""
    parser = argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One word after ``conat``. ``run`` returns the exit code; it may be cancelled.

    ``interrupted`` is the exit code when a signal ends it: 0 for what runs until then.
    """

    name: str
    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Awaitable[int]]
    interrupted: int = EXIT_INTERRUPTED


def connection_options() -> argparse.ArgumentParser:
    """Return the options of every subcommand, as a parent parser."""
    parent = argparse.ArgumentParser(add_help=False)
    group = parent.add_argument_group("connection")
    group.add_argument("--server", metavar="URL",
        help=f"address with base path (CONAT_SERVER, or else {DEFAULT_SERVER})")  # fmt: skip
    for option, text in (
        ("--cookie-file", "Cookie header in FILE, like 'a=b; c=d' (or CONAT_COOKIE)"),
        ("--token-file", "token of a Jupyter server in FILE (or CONAT_TOKEN)"),
        ("--hub-password-file", "password of hubs in FILE (or CONAT_HUB_PASSWORD)"),
        ("--system-password-file", "system password in FILE (or CONAT_SYSTEM_PASSWORD)"),
    ):
        group.add_argument(option, metavar="FILE", type=Path, help=text)
    group.add_argument("--connect-timeout", metavar="S", type=seconds, default=5.0,
        help="give up when no server answers for so many seconds (5)")  # fmt: skip
    parent.add_argument("--json", action="store_true", help="write one line of JSON for each thing")
    parent.add_argument("--verbose", action="store_true", help="log what happens below")
    return parent


def payload_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which value is sent; without any of it the value is null."""
    parser.add_argument("value", nargs="?", help="the value to send (null)")
    parser.add_argument(
        "--data", metavar="FILE", help="take the value from FILE; -: standard input"
    )
    parser.add_argument("--type", choices=("text", "json", "bytes"), default="text",
        help="what the value is: a string, any JSON, or bytes (text)")  # fmt: skip
    parser.add_argument("--encoding", choices=("msgpack", "json"), default="msgpack",
        help="how it is encoded on the wire (msgpack)")  # fmt: skip
    parser.add_argument("--header", metavar="K=V", type=header, action="append", default=[],
        help="add a header; may be repeated")  # fmt: skip


def queue_option(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Add the queue group."""
    shown = default or "one of its own"
    parser.add_argument("--queue", metavar="Q", default=default,
        help=f"queue group, of which one member gets each message ({shown})")  # fmt: skip


def count(text: str) -> int:
    """Read a whole number, 1 or more."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """Read a time above 0 that somebody can wait for."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number


def header(text: str) -> tuple[str, str]:
    """Read ``key=value``."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form key=value")
    return key, value
