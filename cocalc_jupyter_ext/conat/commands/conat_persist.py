"""``conat-persist``: streams in files, served through a broker that runs elsewhere.

Prints one line of JSON when streams can be opened and ends on SIGTERM or SIGINT, after what was
asked is answered and all files are closed.
"""

import asyncio
import logging
import sys
from collections.abc import Sequence

from ..client.client import Client
from ..client.session import ClientState
from ..errors import ConatError
from ..persist.server.service import PersistService
from ..transports.connect import connect
from .event_loop import run, termination
from .open_files import allow_many_files
from .output import announce
from .persist_options import PersistOptions, parse_options

__all__ = ["main"]

_log = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; return the exit code (``persist_options.EXIT_CODES``)."""
    options = parse_options(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING, format=LOG_FORMAT
    )
    allow_many_files()
    try:
        run(_serve(options))
    except (OSError, ValueError, ConatError) as error:
        sys.stderr.write(f"conat-persist: error: {_explanation(options, error)}\n")
        return 1
    return 0


def _explanation(options: PersistOptions, error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"cannot use {error.filename}: {error.strerror}"
    return f"cannot serve streams through {options.server}: {error}"


async def _serve(options: PersistOptions) -> None:
    ended = termination()
    for folder in (options.root, options.settings.archive, options.settings.backup):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    client = await connect(
        options.server, headers=options.headers, timeout_s=options.connect_timeout_s
    )
    async with client, _service(client, options):
        _announce(options)
        await _wait(client, ended)
        _log.info("ending")


def _service(client: Client, options: PersistOptions) -> PersistService:
    return PersistService(
        client,
        options.root,
        server_id=options.server_id,
        service=options.service,
        ids=options.ids,
        settings=options.settings,
    )


async def _wait(client: Client, ended: asyncio.Event) -> None:
    """Wait for the signal; raises ConatError when the client ends by itself, being refused."""
    refused = False

    def on_state(state: ClientState) -> None:
        nonlocal refused
        if state is ClientState.CLOSED:
            refused = True
            ended.set()

    disconnect = client.states.connect(on_state)
    await ended.wait()
    disconnect()
    if refused:
        raise ConatError("the server does not accept this connection any more")


def _announce(options: PersistOptions) -> None:
    announce(
        {
            "server": options.server,
            "service": options.service,
            "id": options.server_id,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
