"""``conat bench``: measure publishing, receiving and requests."""

import argparse
import json
import secrets
from contextlib import AsyncExitStack

from ..client.client import Client
from .bench_report import MIN_SIZE, Report
from .bench_workloads import (
    PATIENT,
    Load,
    measure_publish,
    measure_receive,
    measure_requests,
    responding,
)
from .command_line import EXIT_OK, Subcommand, UsageError, count, queue_option, seconds
from .connection import open_client
from .output import note, show

__all__ = ["BENCH"]


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("pub", "sub", "request"), help="what is measured")
    parser.add_argument("subject", nargs="?", help="for sub and request needed without --both")
    parser.add_argument("--both", action="store_true",
        help="also run the other side, on a connection of its own: the publisher of sub, the "
        "responder of request (otherwise: conat bench pub SUBJECT, conat reply SUBJECT --echo)"
        )  # fmt: skip
    parser.add_argument("--count", type=count, default=10_000, help="messages (10,000)")
    parser.add_argument("--size", type=count, default=128, help="bytes of a payload (128)")
    parser.add_argument("--clients", type=count, default=1, help="connections (1)")
    parser.add_argument("--confirm", action="store_true", help="pub: wait for each answer")
    parser.add_argument("--in-flight", type=count, default=1,
        help="confirmed publishes or requests of one client at a time (1)")  # fmt: skip
    queue_option(parser, None)
    parser.add_argument("--timeout", type=seconds, default=30.0,
        help="give up when nothing happens for so many seconds (30)")  # fmt: skip


async def _run(options: argparse.Namespace) -> int:
    load = _load(options)
    async with AsyncExitStack() as stack:
        clients = [await _client(options, stack) for _ in range(options.clients)]
        if options.what == "pub":
            report = await measure_publish(clients, load, confirm=options.confirm)
        elif options.what == "sub":
            report = await _receive(options, clients, load, stack)
        else:
            report = await _ask(options, clients, load, stack)
    show(json.dumps(report.as_json()) if options.json else report.as_text())
    return EXIT_OK


def _load(options: argparse.Namespace) -> Load:
    """Raise UsageError for options that contradict each other."""
    if options.size < MIN_SIZE:
        raise UsageError(f"--size must be at least {MIN_SIZE}, for the time of sending")
    if options.what == "sub" and options.subject is None and not options.both:
        raise UsageError("sub needs a subject to listen on, or --both")
    if options.what == "request" and options.subject is None and not options.both:
        raise UsageError("request needs a subject that somebody answers on, or --both")
    if options.what == "pub" and options.both:
        raise UsageError("pub has no other side; use: bench sub --both")
    subject = options.subject or f"bench.{secrets.token_hex(5)}"
    return Load(subject, options.count, options.size, options.in_flight, options.timeout)


async def _receive(
    options: argparse.Namespace, clients: list[Client], load: Load, stack: AsyncExitStack
) -> Report:
    publisher = await _client(options, stack) if options.both else None
    subscriptions = [
        await each.subscribe(
            load.subject, queue=options.queue, limits=PATIENT, max_wait_s=load.timeout_s
        )
        for each in clients
    ]
    note(f"listening on {load.subject}")
    wanted = load.messages if options.queue else load.messages * len(clients)
    return await measure_receive(subscriptions, load, wanted, publisher)


async def _ask(
    options: argparse.Namespace, clients: list[Client], load: Load, stack: AsyncExitStack
) -> Report:
    if options.both:
        responder = await _client(options, stack)
        await stack.enter_async_context(responding(responder, load.subject))
    return await measure_requests(clients, load)


async def _client(options: argparse.Namespace, stack: AsyncExitStack) -> Client:
    return await stack.enter_async_context(await open_client(options))


BENCH = Subcommand("bench", "measure publishing, receiving or requests", _add_options, _run)
