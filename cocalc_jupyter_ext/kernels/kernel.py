"""One running kernel as its notebook's runner sees it.

``KernelHost`` is what must exist elsewhere: somebody who starts, restarts and ends kernels.
``KernelLink`` joins the channels and the output reader of one kernel process. A link is used
for one process only; after a restart there is a new one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .backlog import IopubMessage
from .channels import ConnectionInfo, KernelChannels, new_session
from .endings import Ending
from .errors import KernelUnreachableError
from .iopub import IopubReader

__all__ = [
    "KernelHost",
    "KernelLink",
    "KernelListener",
    "KernelTimes",
    "Link",
    "OpenLink",
    "connect",
]


class KernelHost(Protocol):
    """Who runs the kernels; all ids are those of Jupyter Server's kernel manager."""

    def exists(self, kernel_id: str) -> bool:
        """Return whether the kernel is known (it may have died)."""

    def is_stopping(self, kernel_id: str) -> bool:
        """Return whether somebody asked for the end or a restart of the kernel."""

    async def is_alive(self, kernel_id: str) -> bool:
        """Return whether the kernel's process runs."""

    async def connection_info(self, kernel_id: str) -> ConnectionInfo:
        """Return the address as of now, once the kernel was launched.

        Raises ``KernelNotFoundError``, ``KernelUnreachableError``.
        """

    async def interrupt(self, kernel_id: str) -> None:
        """Interrupt the code that runs; raises ``KernelNotFoundError``."""

    def note_activity(self, kernel_id: str, status_topic: bytes) -> None:
        """Note that the kernel is not idle; its states come under this topic."""

    async def ending(self, kernel_id: str) -> Ending:
        """Return how the kernel's process ended, as far as somebody knows."""


class KernelListener(Protocol):
    """Who is told what happens on a link."""

    def on_reply(self, message: dict[str, Any]) -> None:
        """Take a reply of the kernel."""

    def on_input_request(self, message: dict[str, Any]) -> None:
        """Take a question of the running code."""

    def on_messages(self) -> None:
        """Notice that ``KernelLink.take`` has something."""

    def on_disconnected(self) -> None:
        """Notice the end of the kernel's process."""


@dataclass(frozen=True, slots=True)
class KernelTimes:
    """How long to wait for a kernel, in seconds."""

    connect_s: float = 60.0
    """For the first answer of a kernel."""
    ping_s: float = 0.5
    """Between two questions whether it answers."""
    dead_s: float = 15.0
    """For a dead process to be started again by its restarter."""
    deaths: int = 1
    """How often it may die before its first answer."""


class Link(Protocol):
    """An open connection to one kernel process."""

    def execute(self, source: str, cell_id: str) -> str:
        """Send code; return the id of the request."""

    def answer(self, request: dict[str, Any], value: str) -> None:
        """Answer an input request."""

    @property
    def status_topic(self) -> bytes:
        """Under which topic the kernel publishes its states; empty if that is not known."""

    def take(self) -> list[IopubMessage]:
        """Return the kernel's messages since the previous call."""

    async def close(self) -> None:
        """End the connection; idempotent."""


class OpenLink(Protocol):
    """How a runner reaches its kernel: ``connect``, or a double of it."""

    async def __call__(
        self,
        host: KernelHost,
        kernel_id: str,
        listener: KernelListener,
        *,
        times: KernelTimes,
        new_id: Callable[[], str],
        now: Callable[[], float],
    ) -> Link:
        """Return a link whose kernel answers."""


class KernelLink:
    """Channels and output reader of one kernel process; close it when done.

    With ``joins_text=False`` every text stays a message of its own, and comms are heard too.
    """

    def __init__(
        self,
        info: ConnectionInfo,
        unique: str,
        listener: KernelListener,
        *,
        joins_text: bool = True,
    ) -> None:
        self.info = info
        self._listener = listener
        self._answered = asyncio.Event()
        self._heard = asyncio.Event()
        self._disconnected = False
        self._ready = False
        session = new_session(unique)
        self._channels = KernelChannels(info, session, self)
        self._reader = IopubReader(
            info,
            session,
            on_messages=listener.on_messages,
            on_heard=self._heard.set,
            joins_text=joins_text,
            wants_comms=not joins_text,
        )

    @property
    def status_topic(self) -> bytes:
        """Under which topic the kernel publishes its states; empty if that is not known."""
        return self._reader.status_topic

    @property
    def disconnected(self) -> bool:
        """True once the process closed its end."""
        return self._disconnected

    async def ping(self, timeout_s: float) -> bool:
        """Ask for a sign of life; True if replies and outputs arrive."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._channels.ping_until(self._answered, self._heard)
        except TimeoutError:
            return False
        return not self._disconnected

    def activate(self) -> None:
        """Tell the listener from now on what happens."""
        self._ready = True

    def execute(
        self, source: str, cell_id: str, *, allow_stdin: bool = True, silent: bool = False
    ) -> str:
        """Send code; return the id of the request."""
        return self._channels.execute(source, cell_id, allow_stdin=allow_stdin, silent=silent)

    def ask(self, kind: str, content: dict[str, Any]) -> str:
        """Send a question over the shell channel; return its id."""
        return self._channels.ask(kind, content)

    def answer(self, request: dict[str, Any], value: str) -> None:
        """Answer an input request."""
        self._channels.answer(request, value)

    def take(self) -> list[IopubMessage]:
        """Return the kernel's messages since the previous call."""
        return self._reader.take()

    async def close(self) -> None:
        """Close sockets and thread; idempotent."""
        self._ready = False
        await self._channels.close()
        self._reader.close()

    def on_reply(self, message: dict[str, Any]) -> None:
        """Take a reply of the channels."""
        self._answered.set()
        if self._ready:
            self._listener.on_reply(message)

    def on_input_request(self, message: dict[str, Any]) -> None:
        """Pass on a question of the running code."""
        if self._ready:
            self._listener.on_input_request(message)

    def on_disconnected(self) -> None:
        """Pass on the end of the process, once."""
        first, self._disconnected = not self._disconnected, True
        if first and self._ready:
            self._listener.on_disconnected()


async def connect(
    host: KernelHost,
    kernel_id: str,
    listener: KernelListener,
    *,
    times: KernelTimes,
    new_id: Callable[[], str],
    now: Callable[[], float],
    joins_text: bool = True,
) -> KernelLink:
    """Return a link whose kernel answers and whose outputs arrive.

    Follows a kernel that restarts meanwhile, even on other ports. Raises
    ``KernelNotFoundError``; ``KernelUnreachableError`` if the kernel stays dead or silent.
    """
    patience = _Patience(kernel_id, times, now)
    link: KernelLink | None = None
    try:
        while True:
            info = await host.connection_info(kernel_id)
            if link is None or link.disconnected or link.info != info:
                if link is not None:
                    await link.close()
                link = KernelLink(info, new_id(), listener, joins_text=joins_text)
            if await link.ping(times.ping_s):
                link.activate()
                return link
            if await host.is_alive(kernel_id):
                patience.use_living()
            else:
                patience.use_dead(await host.ending(kernel_id))
    except BaseException:
        if link is not None:
            await link.close()
        raise


class _Patience:
    """How long a kernel may stay silent, how long dead, and how often it may die."""

    def __init__(self, kernel_id: str, times: KernelTimes, now: Callable[[], float]) -> None:
        self._kernel_id = kernel_id
        self._times = times
        self._now = now
        self._started = self._alive_at = now()
        self._launches: set[int] = set()

    def use_living(self) -> None:
        """Raise ``KernelUnreachableError`` once it was silent for too long."""
        self._alive_at = self._now()
        if self._alive_at - self._started > self._times.connect_s:
            why = f"it did not answer for {self._times.connect_s:.0f} s"
            raise KernelUnreachableError(self._kernel_id, why)

    def use_dead(self, ending: Ending) -> None:
        """Raise ``KernelUnreachableError`` once it is dead for too long, or dies too often."""
        self._launches.add(ending.launch)
        if len(self._launches) > self._times.deaths:
            why = "it dies again and again before it answers"
        elif self._now() - self._alive_at > self._times.dead_s:
            why = "its process has ended"
        else:
            return
        raise KernelUnreachableError(self._kernel_id, why, str(ending))
