"""The time of the server, and how far the local clock is from it (conat-core §15.4).

``Skew`` is the arithmetic; ``SynchronisedClock`` asks the server again and again, seldom
while the answers agree. Times are milliseconds since 1970.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from ..client.client import Client
from ..client.session import ClientState
from ..errors import ClockSkewUnknown, ConatError
from ..protocol.subjects import scope_name
from ..types import User
from .named import NamedService, ServiceClient, typed

__all__ = ["NO_SKEW", "Skew", "SynchronisedClock", "time_service", "time_subject"]

_log = logging.getLogger(__name__)

TIME_PATTERN: Final = "time.*.api"
MIN_INTERVAL_S: Final = 5.0
MAX_INTERVAL_S: Final = 120.0
LARGE_CHANGE_MS: Final = 3_000.0

WallClock = Callable[[], float]
"""Returns the seconds since 1970; ``time.time`` is one."""


def time_subject(user: User) -> str:
    """Return where a user asks for the time."""
    return f"time.{'hub' if user.kind == 'hub' else scope_name(user)}.api"


def time_service(client: Client, clock: WallClock = time.time) -> NamedService:
    """Return the service that tells everybody the time; not started yet."""
    return NamedService(client, TIME_PATTERN, typed({"time": lambda _: int(clock() * 1000)}))


@dataclass(frozen=True, slots=True)
class Skew:
    """How far the local clock is ahead, if that is known, and when to ask again."""

    skew_ms: float | None = None
    interval_s: float = MIN_INTERVAL_S

    def measured(self, sent_ms: float, received_ms: float, server_ms: float) -> "Skew":
        """Take an answer: ask less often, unless much has changed."""
        skew_ms = (sent_ms + received_ms) / 2 - server_ms
        if self.skew_ms is not None and abs(skew_ms - self.skew_ms) >= LARGE_CHANGE_MS:
            return Skew(skew_ms)
        return Skew(skew_ms, min(2 * self.interval_s, MAX_INTERVAL_S))

    def failed(self) -> "Skew":
        """Trust the local clock until the server answers again."""
        return Skew(0.0)


NO_SKEW: Final = Skew(0.0)


class SynchronisedClock:
    """Tells the server's time. Use as an asynchronous context manager.

    ``skew`` fixes the skew; nobody is asked then, as inside projects, whose clock is the
    server's.
    """

    def __init__(
        self,
        client: Client,
        subject: str,
        *,
        clock: WallClock = time.time,
        skew: Skew | None = None,
    ) -> None:
        self._client = client
        self._service = ServiceClient(client, subject)
        self._clock = clock
        self._is_fixed = skew is not None
        self._skew = skew or Skew()
        self._runner: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @property
    def skew_ms(self) -> float | None:
        """How far the local clock is ahead of the server's; None while it is not known."""
        return self._skew.skew_ms

    def time_ms(self) -> float:
        """Return the server's time; raises ClockSkewUnknown before the first answer."""
        if self._skew.skew_ms is None:
            raise ClockSkewUnknown
        return self._local_ms() - self._skew.skew_ms

    def start(self) -> None:
        """Begin to ask, and go on; calling it again does nothing."""
        if self._runner is None and not self._is_fixed:
            self._runner = asyncio.create_task(self._run(), name="conat-clock")

    async def close(self) -> None:
        """Ask no more; calling it again does nothing."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)

    async def synchronise(self) -> None:
        """Ask once. A failure is logged, and leaves the local clock as it is."""
        sent_ms = self._local_ms()
        try:
            server_ms = await self._server_ms()
        except ConatError as error:
            _log.warning("the local clock is used, since the server tells no time: %s", error)
            self._skew = self._skew.failed()
        else:
            self._skew = self._skew.measured(sent_ms, self._local_ms(), server_ms)

    async def _run(self) -> None:
        while self._client.state is not ClientState.CLOSED:
            await self.synchronise()
            await asyncio.sleep(self._skew.interval_s)

    async def _server_ms(self) -> float:
        answer = await self._service.call("time")
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            raise ConatError(f"the time service answered {answer!r:.100}")
        return answer

    def _local_ms(self) -> float:
        return self._clock() * 1000
