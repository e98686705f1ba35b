"""What ``conat-server`` is told: its command line as one frozen value."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..broker.limits import BrokerLimits
from .addresses import base_path_from_text, is_loopback
from .command_line import program
from .secrets_input import read_secret

__all__ = ["EXIT_CODES", "ServerOptions", "name", "parse_options"]

DEFAULT_PORT: Final = 3000
MAX_PORT: Final = 65_535

EXIT_CODES: Final = "exit codes: 0 ended by SIGTERM or SIGINT, 1 it cannot start, 2 usage"

EPILOG: Final = f"""\
As soon as connections are accepted, one line of JSON is written to standard output:
  {{"ready": true, "address": "http://127.0.0.1:3000", "host": …, "port": …, "id": …, "pid": …}}
Everything else goes to standard error. GET /health answers 200.

Unless told otherwise everybody is let in, is user null, and may do everything; therefore
only this machine can connect. Secrets come from a file or the environment variables
CONAT_SYSTEM_PASSWORD and CONAT_HUB_PASSWORD, never from the command line.

{EXIT_CODES}
"""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The settings of one server. ``base_path`` is empty or like ``/a/b``.

    ``data_dir`` is None exactly when there is no persistence. At most one of
    ``refusal``, ``cookie_users`` and ``hub_password`` is set.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    base_path: str = ""
    data_dir: Path | None = None
    server_id: str = "0"
    cluster_name: str | None = None
    limits: BrokerLimits = field(default_factory=BrokerLimits)
    refusal: str | None = None
    cookie_users: bool = False
    system_password: str | None = field(default=None, repr=False)
    hub_password: str | None = field(default=None, repr=False)
    allowed_origins: frozenset[str] = frozenset()
    verbose: bool = False

    @property
    def asks_everybody(self) -> bool:
        """Whether nobody gets in without credentials."""
        return self.refusal is not None or self.hub_password is not None


def parse_options(
    arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ
) -> ServerOptions:
    """Return the options; prints what is wrong with them and exits with 2."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        options = _options(given, environ)
        _check(options)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return options


def _options(given: argparse.Namespace, environ: Mapping[str, str]) -> ServerOptions:
    if given.data is None and given.persist:
        raise ValueError("persistence needs --data DIR; use --no-persist to do without")
    system_password = read_secret(given.system_password_file, "CONAT_SYSTEM_PASSWORD", environ)
    decided = given.fail_auth is not None or given.cookie_users
    hub_password = read_secret(
        given.hub_password_file, "CONAT_HUB_PASSWORD", {} if decided else environ
    )
    return ServerOptions(
        host=given.host,
        port=given.port,
        base_path=base_path_from_text(given.base_path),
        data_dir=given.data if given.persist else None,
        server_id=given.id,
        cluster_name=given.cluster_name,
        limits=BrokerLimits(
            max_subscriptions_per_client=given.max_subscriptions_per_client,
            max_subscriptions_per_hub=given.max_subscriptions_per_hub,
            max_connections_per_user=given.max_connections_per_user,
            max_connections=given.max_connections,
        ),
        refusal=given.fail_auth,
        cookie_users=given.cookie_users,
        system_password=system_password,
        hub_password=hub_password,
        allowed_origins=frozenset(given.allow_origin),
        verbose=given.verbose,
    )


def _check(options: ServerOptions) -> None:
    """Raise ValueError when the server would be open to people it does not ask."""
    if not options.asks_everybody and not is_loopback(options.host):
        raise ValueError(
            f"--host {options.host} lets other machines connect, and nobody would be asked who "
            "they are: add --hub-password-file FILE, or use --host 127.0.0.1"
        )


def _parser() -> argparse.ArgumentParser:
    parser = program(
        "conat-server", "Serve conat, CoCalc's message fabric, from one process.", EPILOG
    )
    parser.add_argument("--verbose", action="store_true", help="log more than warnings")
    _add_place(parser)
    _add_people(parser)
    _add_limits(parser)
    return parser


def _add_place(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where")
    add = group.add_argument
    add("--host", metavar="H", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    add("--port", metavar="P", type=_port, default=DEFAULT_PORT, help="port, 0: any (3000)")
    add("--base-path", metavar="B", default="/", help="serve below this path; the endpoint is at "
        "B/conat/ (/)")  # fmt: skip
    add("--data", metavar="DIR", type=Path, help="where persistent streams are kept, in DIR/sync")
    add("--no-persist", dest="persist", action="store_false", help="serve messages alone")
    add("--id", type=name, default="0", help="name of this server in info (0)")
    add("--cluster-name", metavar="NAME", type=name, help="name of its cluster in info (none)")


def _add_people(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("who")
    one = group.add_mutually_exclusive_group()
    one.add_argument("--hub-password-file", metavar="FILE", type=Path,
        help="let in only who has the cookie hub_password (or sys) with this secret")  # fmt: skip
    one.add_argument("--cookie-users", action="store_true",
        help="the cookie bench_user=ID makes user {account_id: ID}, who may do everything; "
        "without it the user is null")  # fmt: skip
    one.add_argument("--fail-auth", metavar="TEXT", help="let nobody in, for the reason TEXT")
    group.add_argument("--system-password-file", metavar="FILE", type=Path,
        help="serve the system API; the cookie sys with this secret makes a hub")  # fmt: skip
    group.add_argument("--allow-origin", metavar="URL", action="append", default=[],
        help="also let web pages of this origin connect; may be repeated")  # fmt: skip


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("limits", "0 disables a limit; defaults in brackets")
    for field_name, text in (
        ("max_subscriptions_per_client", "subscriptions of one connection"),
        ("max_subscriptions_per_hub", "subscriptions of one connection of a hub"),
        ("max_connections_per_user", "connections of one user; not for hubs and null"),
        ("max_connections", "connections of all users"),
    ):
        default = getattr(BrokerLimits(), field_name)
        group.add_argument(f"--{field_name.replace('_', '-')}", metavar="N", type=_limit,
            default=default, help=f"{text} ({default:,})")  # fmt: skip


def _port(text: str) -> int:
    port = _limit(text)
    if port > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 0 to {MAX_PORT}")
    return port


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def name(text: str) -> str:
    """Return a name that can be one token of a subject (conat-core §17)."""
    if not text or any(each in ".*>" or each.isspace() for each in text):
        raise argparse.ArgumentTypeError(f"{text!r} must be one word without '.', '*' and '>'")
    return text
