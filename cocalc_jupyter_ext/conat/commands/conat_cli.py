"""``conat``: publish, subscribe, request, reply, measure and look, from a terminal."""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Final

from ..errors import ConatError
from .bench import BENCH
from .command_line import (
    EXIT_ERROR,
    EXIT_USAGE,
    Subcommand,
    UsageError,
    connection_options,
    program,
)
from .event_loop import run, termination
from .output import note
from .pub import PUB
from .reply import REPLY
from .request import REQUEST
from .stats import STATS
from .sub import SUB

__all__ = ["SUBCOMMANDS", "main"]

SUBCOMMANDS: Final = (PUB, SUB, REQUEST, REPLY, BENCH, STATS)

EPILOG: Final = """\
Each has its own help: conat pub --help. Credentials come from files or environment
variables, never from the command line.

exit codes: 0 done, 1 an error, 2 usage, 130 interrupted before it was done
(sub and reply, which run until then, end with 0)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; return the exit code."""
    options = _parser().parse_args(arguments)
    level = logging.INFO if options.verbose else logging.ERROR
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    try:
        return run(_until_interrupted(options.subcommand, options))
    except UsageError as error:
        note(f"conat: error: {error}")
        return EXIT_USAGE
    except BrokenPipeError:
        _drop_output()
        return EXIT_ERROR
    except (ConatError, OSError, ValueError) as error:
        code = f" (code {error.code})" if isinstance(error, ConatError) and error.code else ""
        note(f"conat: error: {error}{code}")
        return EXIT_ERROR


async def _until_interrupted(subcommand: Subcommand, options: argparse.Namespace) -> int:
    """Run the subcommand, or end it in an orderly way on SIGINT and SIGTERM."""
    interrupted = termination()
    work = asyncio.ensure_future(subcommand.run(options))
    waiting = asyncio.create_task(interrupted.wait())
    await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if work.done():
        return work.result()
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    return subcommand.interrupted


def _drop_output() -> None:
    """Let the interpreter flush nothing to a reader that is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = program("conat", "Talk to a conat server.", EPILOG)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = connection_options()
    for each in SUBCOMMANDS:
        sub = commands.add_parser(
            each.name, help=each.help, description=f"{each.help.capitalize()}.", parents=[common],
            allow_abbrev=False,
        )  # fmt: skip
        each.add_options(sub)
        sub.set_defaults(subcommand=each)
    return parser


if __name__ == "__main__":
    sys.exit(main())
