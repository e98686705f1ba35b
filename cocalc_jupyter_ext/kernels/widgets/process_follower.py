"""Keeps a connection to one kernel, through its restarts, for what widgets say."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from ..errors import KernelNotFoundError, KernelUnreachableError
from ..kernel import KernelHost
from .comm_link import CommLink, CommListener, connect

__all__ = ["ProcessFollower"]

_log = logging.getLogger(__name__)

RETRY_S: Final = 1.0
DEAD_S: Final = 0.1
"""Between two looks whether a dead process has a successor."""


class ProcessFollower:
    """Follows the processes of one kernel, one after the other, from ``start`` to ``close``.

    ``on_begin`` is given the link to each of them, ``on_lost`` told of the end of each while its
    link can still be read, ``on_ended`` that there will be no other.
    """

    def __init__(
        self,
        kernel_id: str,
        host: KernelHost,
        listener: CommListener,
        *,
        new_id: Callable[[], str],
        on_begin: Callable[[CommLink], None],
        on_lost: Callable[[], None],
        on_ended: Callable[[], None],
    ) -> None:
        self.link: CommLink | None = None
        """The link to the process that runs; None between two of them."""
        self.cannot_follow = False
        """Whether the kernel lets nobody here follow it."""
        self._kernel_id = kernel_id
        self._host = host
        self._listener = listener
        self._new_id = new_id
        self._on_begin = on_begin
        self._on_lost = on_lost
        self._on_ended = on_ended
        self._decided = asyncio.Event()
        self._disconnected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow the kernel."""
        self._task = asyncio.create_task(self._follow(), name=f"widgets of {self._kernel_id}")
        self._task.add_done_callback(self._report)

    async def close(self) -> None:
        """Stop following; calling it again does nothing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait_connected(self, timeout_s: float) -> bool:
        """Wait until nothing that the kernel says can be missed; return whether it is so."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._decided.wait()
        except TimeoutError:
            return False
        return self.link is not None

    def disconnected(self) -> None:
        """Notice that the process has closed its end."""
        self._disconnected.set()

    async def _follow(self) -> None:
        try:
            while self._host.exists(self._kernel_id):
                await self._follow_process()
        except KernelNotFoundError:
            _log.debug("the kernel %s is gone", self._kernel_id)

    async def _follow_process(self) -> None:
        self._disconnected.clear()
        if not await self._host.is_alive(self._kernel_id):
            await asyncio.sleep(DEAD_S)
            return
        try:
            link = await connect(
                self._host,
                self._kernel_id,
                self._listener,
                new_id=self._new_id,
                now=asyncio.get_running_loop().time,
            )
        except KernelUnreachableError as error:
            if not self.cannot_follow:
                _log.warning("Its widgets cannot be followed. %s", error)
            self.cannot_follow = True
            self._decided.set()
            await asyncio.sleep(RETRY_S)
            return
        try:
            self.link, self.cannot_follow = link, False
            self._on_begin(link)
            self._decided.set()
            await self._disconnected.wait()
            self._on_lost()
        finally:
            self.link = None
            self._decided.clear()
            await link.close()

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("Following the widgets of a kernel failed", exc_info=error)
        self._on_ended()
