"""The process of one kernel object: started, asked how it ended, and ended through a host."""

import asyncio
import logging
import signal as signals
import uuid
from typing import Final

from ..endings import Ending
from ..errors import KernelNotFoundError, KernelUnreachableError
from ..kernel import KernelLink, KernelListener, KernelTimes, connect
from .errors import KernelDiedError
from .host import StartingHost

__all__ = ["KernelProcess"]

_log = logging.getLogger(__name__)

_ENDS_S: Final = 2.0
"""For a process to end that has closed its connections."""
_LOOK_S: Final = 0.02


class KernelProcess:
    """One process at a time; ``end`` it, whatever became of it."""

    def __init__(self, host: StartingHost, times: KernelTimes) -> None:
        self._host = host
        self._times = times
        self._launching: asyncio.Future[str] | None = None
        self.kernel_id: str | None = None

    @property
    def pid(self) -> int | None:
        """The process, if it is on this machine."""
        return None if self.kernel_id is None else self._host.pid(self.kernel_id)

    @property
    def connection_file(self) -> str | None:
        """Where others read how to connect to it."""
        return None if self.kernel_id is None else self._host.connection_file(self.kernel_id)

    @property
    def is_there(self) -> bool:
        """Whether the host knows it."""
        return self.kernel_id is not None and self._host.exists(self.kernel_id)

    async def launch(
        self, name: str, *, path: str | None, cwd: str | None, env: dict[str, str]
    ) -> None:
        """Start it; raises what the host raises.

        Half a start cannot be taken back: if this is cancelled, ``end`` ends what was started.
        """
        starting = self._host.start(name, path=path, cwd=cwd, env=env)
        self._launching = asyncio.ensure_future(starting)
        self.kernel_id = await asyncio.shield(self._launching)

    async def connect(self, listener: KernelListener) -> KernelLink:
        """Return a link on which it answers.

        Raises ``KernelDiedError`` with its last words, ``KernelUnreachableError``.
        """
        kernel_id = self._id()
        try:
            return await connect(
                self._host,
                kernel_id,
                listener,
                times=self._times,
                new_id=lambda: uuid.uuid4().hex,
                now=asyncio.get_running_loop().time,
                joins_text=False,
            )
        except KernelUnreachableError as error:
            ending = await self._host.ending(kernel_id)
            if ending.exit_code is None:
                raise
            raise KernelDiedError(ending) from error

    async def interrupt(self) -> None:
        """Interrupt in the way that the kernel wants; raises ``KernelNotFoundError``."""
        await self._host.interrupt(self._id())

    async def signal(self, number: int) -> None:
        """Send a signal to its process group; raises ``KernelNotFoundError``."""
        await self._host.signal(self._id(), number)

    async def kill(self) -> None:
        """End it at once; it is known afterwards how it ended."""
        await self.signal(signals.SIGKILL)

    async def ending(self) -> Ending:
        """Return how it ended, when that can be told."""
        if self.kernel_id is None:
            return Ending(None)
        try:
            async with asyncio.timeout(_ENDS_S):
                while await self._host.is_alive(self.kernel_id):  # noqa: ASYNC110 - no event
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            _log.warning("The kernel %s closed its connections, but runs", self.kernel_id)
        return await self._host.ending(self.kernel_id)

    async def end(self) -> None:
        """End it at once, also one that is just being started; idempotent."""
        launching, self._launching = self._launching, None
        if launching is not None:
            (started,) = await asyncio.gather(launching, return_exceptions=True)
            self.kernel_id = started if isinstance(started, str) else None
        kernel_id, self.kernel_id = self.kernel_id, None
        if kernel_id is not None:
            await self._host.end(kernel_id)

    def _id(self) -> str:
        if self.kernel_id is None:
            raise KernelNotFoundError("")
        return self.kernel_id
