"""``conat sub``: write the messages that match a pattern."""

import argparse
import asyncio

from .command_line import EXIT_ERROR, EXIT_OK, Subcommand, count, queue_option, seconds
from .connection import open_client
from .output import note, show_message

__all__ = ["SUB"]


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pattern")
    queue_option(parser, None)
    parser.add_argument("--count", type=count, help="end after so many messages")
    parser.add_argument("--timeout", type=seconds,
        help="end after so many seconds; with --count that is an error")  # fmt: skip


async def _run(options: argparse.Namespace) -> int:
    async with await open_client(options) as client:
        messages = await client.subscribe(
            options.pattern, queue=options.queue, max_messages=options.count
        )
        note(f"listening on {options.pattern}")
        try:
            async with asyncio.timeout(options.timeout):
                async for message in messages:
                    show_message(message, as_json=options.json)
        except TimeoutError:
            if options.count is not None:
                note(f"less than {options.count} messages came within {options.timeout:g} s")
                return EXIT_ERROR
        if messages.missed:
            note(f"{messages.missed} messages were missed: they came faster than they were written")
            return EXIT_ERROR
    return EXIT_OK


SUB = Subcommand("sub", "write the messages of a pattern", _add_options, _run, EXIT_OK)
