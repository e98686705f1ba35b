"""When to offer unacknowledged messages again (conat-core §14.5).

The original does so only after a disconnect. A message can get lost on a connection that
stays, too, when a reader is too slow for the server; so it is watched for all the time,
patiently.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

from ..client.reconnect import retry_delays
from .sequence import Sender

__all__ = ["ResendTimer"]

START_S: Final = 0.5
PATIENT_START_S: Final = 5.0
MAX_DELAY_S: Final = 15.0
GIVE_UP_AFTER_S: Final = 120.0


class ResendTimer:
    """Calls ``resend`` as long as packets are unacknowledged and nothing happens.

    After ``restart`` it begins soon, in normal operation after some seconds. Without any
    acknowledgement for 120 s it rests until something is written, or the next ``restart``.
    """

    def __init__(self, sender: Sender, resend: Callable[[], None]) -> None:
        self._sender = sender
        self._resend = resend
        self._timer: asyncio.TimerHandle | None = None
        self._delays: Iterator[float] = iter(())
        self._waited_s = 0.0
        self._seen_seq = 0

    @property
    def is_running(self) -> bool:
        """Return whether a resend is planned."""
        return self._timer is not None

    def watch(self) -> None:
        """Watch what was just written, unless that is done already."""
        if self._timer is None:
            self._begin(PATIENT_START_S)

    def restart(self) -> None:
        """Watch what is unacknowledged, and begin soon."""
        self.stop()
        if len(self._sender):
            self._begin(START_S)

    def stop(self) -> None:
        """Plan nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self, start_s: float) -> None:
        self._delays = retry_delays(start_s, MAX_DELAY_S)
        self._waited_s = 0.0
        self._seen_seq = self._sender.acknowledged_seq
        self._plan()

    def _plan(self) -> None:
        delay_s = next(self._delays)
        self._waited_s += delay_s
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if not len(self._sender):
            return
        if self._sender.acknowledged_seq > self._seen_seq:
            self._begin(PATIENT_START_S)
        elif self._waited_s < GIVE_UP_AFTER_S:
            self._resend()
            self._plan()
