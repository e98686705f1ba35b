"""What a client has sent and received, and its regular report of it (conat-core §11.7)."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..errors import ConatError
from ..protocol.chunks import Chunk
from ..protocol.messages import ReportStats

__all__ = ["ClientStatistics", "StatisticsReporter", "Traffic"]

_log = logging.getLogger(__name__)

REPORT_INTERVAL_S: Final = 5.0


@dataclass(slots=True)
class Traffic:
    """Whole messages, and the bytes of all payloads."""

    messages: int = 0
    bytes: int = 0

    def count(self, chunk: Chunk) -> None:
        """Add a chunk; the last one of a message counts as the message."""
        self.messages += chunk.done
        self.bytes += len(chunk.raw)


@dataclass(slots=True)
class ClientStatistics:
    """Counters of one client; ``recv0`` starts over with each connection."""

    send: Traffic = field(default_factory=Traffic)
    recv: Traffic = field(default_factory=Traffic)
    recv0: Traffic = field(default_factory=Traffic)
    subs: int = 0

    def received(self, chunk: Chunk) -> None:
        """Count what was delivered to us."""
        self.recv.count(chunk)
        self.recv0.count(chunk)

    def report(self) -> ReportStats:
        """Return what the server is told."""
        return ReportStats(self.recv0.messages, self.recv0.bytes)


class StatisticsReporter:
    """Reports when it is started and then every ``interval_s``, until it is stopped.

    ``send`` raises ConatError while there is no connection; that report is left out.
    """

    def __init__(self, send: Callable[[], None], interval_s: float = REPORT_INTERVAL_S) -> None:
        self._send = send
        self._interval_s = interval_s
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Report now and from now on; calling it again does nothing."""
        if self._timer is None:
            self._report()

    def stop(self) -> None:
        """Report no more; calling it again does nothing."""
        if self._timer is not None:
            self._timer.cancel()

    def _report(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._interval_s, self._report)
        try:
            self._send()
        except ConatError as error:
            _log.debug("the statistics are not reported: %s", error)
