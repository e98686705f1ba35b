"""What ``conat-persist`` is told: its command line as one frozen value."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..errors import ConatError
from ..persist.server.archiver import ARCHIVE_INTERVAL_S
from ..persist.server.service import PersistSettings
from ..sockets.commands import parse_token
from .command_line import DEFAULT_SERVER, program, seconds
from .connection import credentials
from .secrets_input import read_secret

__all__ = ["EXIT_CODES", "PersistOptions", "parse_options"]

EXIT_CODES: Final = "exit codes: 0 ended by SIGTERM or SIGINT, 1 it cannot serve, 2 usage"

EPILOG: Final = f"""\
As soon as clients can open streams, one line of JSON is written to standard output:
  {{"ready": true, "server": "http://…", "service": "persist", "id": "0", "pid": …}}
Everything else goes to standard error.

The credentials must be those of a hub, or of a server that asks nobody. Several servers share
the owners of streams: start each with its own --id and all with the same --ids. The list must
not change while clients are connected.

{EXIT_CODES}
"""


@dataclass(frozen=True, slots=True)
class PersistOptions:
    """The settings of one persist server; see ``PersistService`` for ``ids``."""

    server: str
    root: Path
    service: str = "persist"
    server_id: str = "0"
    ids: tuple[str, ...] | None = None
    settings: PersistSettings = field(default_factory=PersistSettings)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    connect_timeout_s: float = 30.0
    verbose: bool = False


def parse_options(
    arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ
) -> PersistOptions:
    """Return the options; prints what is wrong with them and exits with 2."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return _options(given, environ)
    except (ValueError, ConatError) as error:
        parser.error(str(error))


def _options(given: argparse.Namespace, environ: Mapping[str, str]) -> PersistOptions:
    return PersistOptions(
        server=given.server or environ.get("CONAT_SERVER") or DEFAULT_SERVER,
        root=given.data / "sync",
        service=given.service,
        server_id=given.id,
        ids=_ids(given),
        settings=PersistSettings(
            archive=given.archive,
            backup=given.backup,
            archive_interval_s=given.archive_interval,
        ),
        headers=_headers(given, environ),
        connect_timeout_s=given.connect_timeout,
        verbose=given.verbose,
    )


def _ids(given: argparse.Namespace) -> tuple[str, ...] | None:
    """Return the ids that this server's balancer knows; raises ValueError for useless ones."""
    if given.ids is None:
        return () if given.no_balancer else None
    ids = tuple(parse_token(each) for each in given.ids.split(","))
    if given.id not in ids:
        raise ValueError(f"--ids {given.ids} must hold the --id of this server, {given.id}")
    if len(set(ids)) < len(ids):
        raise ValueError(f"--ids {given.ids} names a server twice")
    return ids


def _headers(given: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    password = read_secret(given.hub_password_file, "CONAT_HUB_PASSWORD", environ)
    return credentials(given, environ, hub_password=password)


def _parser() -> argparse.ArgumentParser:
    parser = program(
        "conat-persist", "Serve conat's streams, kept in files, through a conat server.", EPILOG
    )
    parser.add_argument("--verbose", action="store_true", help="log more than warnings")
    _add_place(parser)
    _add_connection(parser)
    return parser


def _add_place(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("streams")
    add = group.add_argument
    add("--data", metavar="DIR", type=Path, required=True, help="streams are kept in DIR/sync")
    add("--service", metavar="NAME", type=_word, default="persist",
        help="first word of the subjects (persist)")  # fmt: skip
    add("--id", type=_word, default="0", help="name of this server among all of them (0)")
    balancer = group.add_mutually_exclusive_group().add_argument
    balancer("--ids", metavar="A,B,…", help="tell clients which of these serves them (this one)")
    balancer("--no-balancer", action="store_true", help="let others tell clients who serves them")
    add("--archive", metavar="DIR", type=Path, help="copy streams to DIR, and restore them")
    add("--archive-interval", metavar="S", type=seconds, default=ARCHIVE_INTERVAL_S,
        help="copy a stream at most once in so many seconds (30)")  # fmt: skip
    add("--backup", metavar="DIR", type=Path, help="copy streams to DIR when they are closed")


def _add_connection(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("connection").add_argument
    add("--server", metavar="URL",
        help=f"address with base path (CONAT_SERVER, or else {DEFAULT_SERVER})")  # fmt: skip
    for option, text in (
        ("--hub-password-file", "password of a hub in FILE (or CONAT_HUB_PASSWORD)"),
        ("--system-password-file", "system password in FILE (or CONAT_SYSTEM_PASSWORD)"),
        ("--cookie-file", "Cookie header in FILE, like 'a=b; c=d' (or CONAT_COOKIE)"),
        ("--token-file", "token of a Jupyter server in FILE (or CONAT_TOKEN)"),
    ):
        add(option, metavar="FILE", type=Path, help=text)
    add("--connect-timeout", metavar="S", type=seconds, default=30.0,
        help="give up when no server answers for so many seconds (30)")  # fmt: skip


def _word(text: str) -> str:
    """Return what can be one word of a subject."""
    try:
        return parse_token(text)
    except ConatError as error:
        raise argparse.ArgumentTypeError(f"{text!r} must be one word of a subject") from error
