"""The work that ``conat bench`` measures: publishing, receiving, asking."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from ..client.client import Client
from ..client.subscription import Message, Subscription, SubscriptionLimits
from ..errors import RequestTimeout
from .bench_report import Report, sent_at_s, stamped

__all__ = [
    "PATIENT",
    "Load",
    "measure_publish",
    "measure_receive",
    "measure_requests",
    "responding",
]

BURST: Final = 256
"""Unconfirmed publishes between two confirmed ones, which keep the server from drowning."""

PATIENT: Final = SubscriptionLimits(max_messages=1_000_000, max_bytes=2_000_000_000)


@dataclass(frozen=True, slots=True)
class Load:
    """How much of what: ``messages`` of ``size`` bytes, so many unanswered at a time."""

    subject: str
    messages: int
    size: int
    in_flight: int
    timeout_s: float

    def share(self, clients: int, index: int) -> int:
        """Return how many of the messages one of the clients sends."""
        return self.messages // clients + (index < self.messages % clients)


async def measure_publish(clients: Sequence[Client], load: Load, *, confirm: bool) -> Report:
    """Publish; ``confirm`` waits for the answer to each and measures how long that takes."""
    latencies_s: list[float] = []

    async def confirmed(client: Client) -> None:
        payload = stamped(load.size, time.time())
        await client.publish(load.subject, raw=payload, timeout_s=load.timeout_s)

    async def work(client: Client, share: int) -> None:
        if confirm:
            await _repeat(lambda: confirmed(client), share, load.in_flight, latencies_s)
        else:
            await _burst(client, load, share)

    seconds = await _timed(clients, load, work)
    what = "pub, confirmed" if confirm else "pub"
    return Report(what, load.messages, load.size, len(clients), seconds, latencies_s)


async def measure_requests(clients: Sequence[Client], load: Load) -> Report:
    """Send requests and measure how long their replies take."""
    latencies_s: list[float] = []

    async def ask(client: Client) -> None:
        payload = stamped(load.size, time.time())
        await client.request(load.subject, raw=payload, timeout_s=load.timeout_s)

    async def work(client: Client, share: int) -> None:
        await _repeat(lambda: ask(client), share, load.in_flight, latencies_s)

    seconds = await _timed(clients, load, work)
    return Report("request", load.messages, load.size, len(clients), seconds, latencies_s)


async def measure_receive(
    subscriptions: Sequence[Subscription], load: Load, wanted: int, publisher: Client | None = None
) -> Report:
    """Receive ``wanted`` messages with all subscriptions together, from the first one on.

    ``publisher`` sends them meanwhile. Latencies are those of messages that say when they
    were sent, by the clock of the day. Raises RequestTimeout when some do not come.
    """
    tally = _Tally(wanted)

    async def take(subscription: Subscription) -> None:
        async for message in subscription:
            tally.count(message)
            if tally.left == 0:
                for each in subscriptions:
                    each.close()

    work = [take(each) for each in subscriptions]
    if publisher is not None:
        work.append(_burst(publisher, load, load.messages))
    await asyncio.gather(*work)
    if tally.left > 0:
        raise RequestTimeout(f"only {wanted - tally.left:,} of {wanted:,} messages came")
    size = tally.bytes // wanted
    return Report("sub", wanted, size, len(subscriptions), tally.seconds, tally.latencies_s)


@asynccontextmanager
async def responding(client: Client, subject: str) -> AsyncIterator[None]:
    """Answer requests with what was sent, as long as the block lasts."""
    requests = await client.subscribe(subject, queue="0", limits=PATIENT)

    async def answer() -> None:
        async for request in requests:
            client.respond_sync(request, raw=request.raw, encoding=request.encoding)

    task = asyncio.create_task(answer(), name="conat-bench-reply")
    try:
        yield
    finally:
        requests.close()
        await task


class _Tally:
    """Counts what several subscriptions receive together."""

    def __init__(self, wanted: int) -> None:
        self.left = wanted
        self.bytes = 0
        self.seconds = 0.0
        self.latencies_s: list[float] = []
        self._began_s = 0.0

    def count(self, message: Message) -> None:
        now_s = time.perf_counter()
        self._began_s = self._began_s or now_s
        self.seconds = now_s - self._began_s
        self.left -= 1
        self.bytes += len(message.raw)
        sent_s = sent_at_s(message.raw)
        if sent_s is not None:
            self.latencies_s.append(max(0.0, time.time() - sent_s))


async def _timed(
    clients: Sequence[Client], load: Load, work: Callable[[Client, int], Awaitable[None]]
) -> float:
    began_s = time.perf_counter()
    shares = [load.share(len(clients), index) for index in range(len(clients))]
    await asyncio.gather(*(work(*each) for each in zip(clients, shares, strict=True)))
    return time.perf_counter() - began_s


async def _burst(client: Client, load: Load, share: int) -> None:
    for number in range(1, share + 1):
        payload = stamped(load.size, time.time())
        if number % BURST == 0 or number == share:
            await client.publish(load.subject, raw=payload, timeout_s=load.timeout_s)
        else:
            client.publish_sync(load.subject, raw=payload)


async def _repeat(
    work: Callable[[], Awaitable[None]], times: int, in_flight: int, latencies_s: list[float]
) -> None:
    """Do work again and again, so often at a time, and note how long each took."""
    left = iter(range(times))

    async def one_after_another() -> None:
        for _ in left:
            began_s = time.perf_counter()
            await work()
            latencies_s.append(time.perf_counter() - began_s)

    await asyncio.gather(*(one_after_another() for _ in range(min(in_flight, times))))
