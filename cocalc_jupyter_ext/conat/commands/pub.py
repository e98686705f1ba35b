"""``conat pub``: publish a message."""

import argparse
import json

from .command_line import EXIT_OK, Subcommand, count, payload_options, seconds
from .connection import open_client
from .output import show
from .payload import read_payload

__all__ = ["PUB"]


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subject")
    payload_options(parser)
    parser.add_argument("--count", type=count, default=1, help="how often (1)")
    parser.add_argument("--wait", action="store_true", help="until somebody is subscribed")
    parser.add_argument("--timeout", type=seconds, default=30.0, help="in seconds, for each (30)")


async def _run(options: argparse.Namespace) -> int:
    payload = read_payload(options)
    async with await open_client(options) as client:
        for _ in range(options.count):
            result = await client.publish(
                options.subject,
                raw=payload.raw,
                encoding=payload.encoding,
                headers=payload.headers,
                timeout_s=options.timeout,
                wait_for_interest=options.wait,
            )
            if options.json:
                line = {"subject": options.subject, "bytes": result.bytes, "count": result.count}
                show(json.dumps(line))
            else:
                show(
                    f"published {result.bytes:,} bytes to {options.subject}, "
                    f"receivers: {result.count}"
                )
    return EXIT_OK


PUB = Subcommand("pub", "publish a message", _add_options, _run)
