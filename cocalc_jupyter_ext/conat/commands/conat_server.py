"""``conat-server``: the broker as a process of its own.

Prints one line of JSON when it accepts connections and ends on SIGTERM or SIGINT.
"""

import logging
import sys
from collections.abc import Sequence
from typing import Final

from ..errors import ConatError
from .event_loop import run, termination
from .open_files import allow_many_files
from .output import announce
from .server_app import RunningServer, running_server
from .server_options import ServerOptions, parse_options

__all__ = ["main"]

_log = logging.getLogger(__name__)

LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; return the exit code (``server_options.EXIT_CODES``)."""
    options = parse_options(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, format=LOG_FORMAT
    )
    allow_many_files()
    try:
        run(_serve(options))
    except (OSError, ConatError) as error:
        sys.stderr.write(f"conat-server: error: {_explanation(options, error)}\n")
        return 1
    return 0


def _explanation(options: ServerOptions, error: OSError | ConatError) -> str:
    """Say what could not be done: to use a file, or to serve at all."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"cannot use {error.filename}: {error.strerror}"
    reason = error.strerror or error if isinstance(error, OSError) else error
    return f"cannot serve on {options.host}:{options.port}: {reason}"


async def _serve(options: ServerOptions) -> None:
    ended = termination()
    async with running_server(options) as server:
        _announce(options, server)
        await ended.wait()
        _log.info("ending")


def _announce(options: ServerOptions, server: RunningServer) -> None:
    announce(
        {
            "address": server.address,
            "host": options.host,
            "port": server.port,
            "id": options.server_id,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
