"""``conat request``: send a request and write its replies."""

import argparse
import asyncio

from ..errors import RequestTimeout
from .command_line import EXIT_OK, Subcommand, count, payload_options, seconds
from .connection import open_client
from .output import show_message
from .payload import read_payload

__all__ = ["REQUEST"]


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subject")
    payload_options(parser)
    parser.add_argument("--count", type=count, default=1, help="how many replies (1)")
    parser.add_argument("--wait", action="store_true", help="until somebody is subscribed")
    parser.add_argument("--timeout", type=seconds, default=30.0, help="seconds for all (30)")


async def _run(options: argparse.Namespace) -> int:
    payload = read_payload(options)
    left = options.count
    async with await open_client(options) as client:
        replies = client.request_many(
            options.subject,
            raw=payload.raw,
            encoding=payload.encoding,
            headers=payload.headers,
            timeout_s=options.timeout,
            wait_for_interest=options.wait,
        )
        try:
            async with asyncio.timeout(options.timeout):
                async for reply in replies:
                    show_message(reply, as_json=options.json)
                    left -= 1
                    if left == 0:
                        break
        except TimeoutError as error:
            raise RequestTimeout(
                f"{left} of {options.count} replies did not come within {options.timeout:g} s"
            ) from error
        finally:
            await replies.aclose()
    return EXIT_OK


REQUEST = Subcommand("request", "send a request and write the reply", _add_options, _run)
