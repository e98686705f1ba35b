"""Doing something on a connection for as long as it lasts, and again on the next one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ..client.reconnect import retry_delays
from ..client.session import ClientState
from ..errors import ClientClosed, ConatError, SignInFailed
from ..signals import Signal
from .errors import SocketClosed

__all__ = ["Attempts"]

_log = logging.getLogger(__name__)

MAX_DELAY_S: Final = 10.0


class Attempts:
    """Runs ``attempt`` again and again; ``on_lost`` is called whenever one is over.

    An attempt ends by itself, by ``interrupt``, or when the connection is lost. The pause after
    it is ``delay_s``, and grows while attempts fail in a row.
    """

    def __init__(
        self,
        attempt: Callable[[], Awaitable[None]],
        on_lost: Callable[[], None],
        *,
        delay_s: float,
        repeat: bool = True,
    ) -> None:
        self._attempt = attempt
        self._on_lost = on_lost
        self._delay_s = delay_s
        self._repeat = repeat
        self._scope: asyncio.Timeout | None = None
        self._client_closed = asyncio.Event()
        self._has_succeeded = False

    @property
    def is_active(self) -> bool:
        """Return whether an attempt is under way and was not interrupted."""
        return self._scope is not None and self._scope.when() is None

    async def run(self, states: Signal[[ClientState]]) -> str:
        """Make attempts; return why there will never be more, or "" if ``run`` may be repeated.

        Without ``repeat`` there is one attempt.
        """
        disconnect = states.connect(self._on_client_state)
        try:
            return await self._run()
        finally:
            disconnect()

    def succeeded(self) -> None:
        """Note that the attempt got where it wanted, so that the next pause is short."""
        self._has_succeeded = True

    def interrupt(self) -> None:
        """End the attempt that is under way."""
        if self._scope is not None and self.is_active:
            self._scope.reschedule(0)
            self._on_lost()

    def _on_client_state(self, state: ClientState) -> None:
        if state is ClientState.CLOSED:
            self._client_closed.set()
        if state is not ClientState.CONNECTED:
            self.interrupt()

    async def _run(self) -> str:
        delays = iter((self._delay_s,))
        while True:
            self._has_succeeded = False
            reason = await self._run_once()
            if reason or not self._repeat:
                return reason
            if self._has_succeeded:
                delays = iter((self._delay_s,))
            delay_s = next(delays, None)
            if delay_s is None:
                delays = retry_delays(self._delay_s, MAX_DELAY_S)
                delay_s = next(delays)
            if await self._is_closed_within(delay_s):
                return "the client is closed"

    async def _run_once(self) -> str:
        """Make one attempt; return why there will be no other, or ""."""
        try:
            async with asyncio.timeout(None) as self._scope:
                await self._attempt()
        except TimeoutError:
            pass  # interrupted
        except (ClientClosed, SignInFailed, SocketClosed) as error:
            return str(error)
        except ConatError as error:
            _log.info("trying again later: %s", error)
        finally:
            self._scope = None
            self._on_lost()
        return ""

    async def _is_closed_within(self, time_s: float) -> bool:
        try:
            async with asyncio.timeout(time_s):
                return await self._client_closed.wait()
        except TimeoutError:
            return False
