"""``conat reply``: answer requests, with one value or with what was sent."""

import argparse
import asyncio

from ..client.client import Client
from ..client.subscription import REPLY_HEADER, Message
from ..errors import ConatError
from ..types import Headers
from .command_line import (
    EXIT_OK,
    Subcommand,
    UsageError,
    count,
    payload_options,
    queue_option,
    seconds,
)
from .connection import open_client
from .output import note, show_message
from .payload import Payload, read_payload

__all__ = ["REPLY"]


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pattern")
    payload_options(parser)
    parser.add_argument("--echo", action="store_true", help="answer with what was sent")
    queue_option(parser, "0")
    parser.add_argument("--count", type=count, help="end after so many requests")
    parser.add_argument("--timeout", type=seconds, help="end after so many seconds")


async def _run(options: argparse.Namespace) -> int:
    if options.echo and (options.value is not None or options.data is not None):
        raise UsageError("--echo answers with what was sent; leave the value out")
    payload = None if options.echo else read_payload(options)
    async with await open_client(options) as client:
        requests = await client.subscribe(options.pattern, queue=options.queue)
        note(f"listening on {options.pattern}")
        left = options.count
        try:
            async with asyncio.timeout(options.timeout):
                async for request in requests:
                    if request.reply_subject is None:
                        continue
                    show_message(request, as_json=options.json)
                    _answer(client, request, payload)
                    if left is not None:
                        left -= 1
                        if left == 0:
                            break
        except TimeoutError:
            note(f"ended after {options.timeout:g} s")
    return EXIT_OK


def _answer(client: Client, request: Message, payload: Payload | None) -> None:
    """Reply without waiting, so that a requester that is gone holds nobody up."""
    if payload is None:
        raw, encoding, headers = request.raw, request.encoding, _without_reply(request.headers)
    else:
        raw, encoding, headers = payload.raw, payload.encoding, payload.headers
    try:
        client.respond_sync(request, raw=raw, encoding=encoding, headers=headers)
    except ConatError as error:
        note(f"a reply was lost: {error}")


def _without_reply(headers: Headers) -> Headers:
    if not isinstance(headers, dict):
        return headers
    return {key: value for key, value in headers.items() if key != REPLY_HEADER} or None


REPLY = Subcommand("reply", "answer requests", _add_options, _run, EXIT_OK)
