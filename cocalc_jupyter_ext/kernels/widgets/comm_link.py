"""The connection over which one kernel process and the server speak about widgets."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from ..channels import ConnectionInfo, KernelChannels, new_session
from ..errors import KernelUnreachableError
from ..kernel import KernelHost
from .comm_messages import WIDGET_TARGET, CommMessage
from .comm_reader import CommReader

__all__ = ["CommLink", "CommListener", "connect"]

PING_S: Final = 0.5
CONNECT_S: Final = 60.0


class CommListener(Protocol):
    """Who is told what happens on a link."""

    def on_messages(self) -> None:
        """Notice that ``CommLink.take`` has something."""

    def on_comms(self, model_ids: list[str]) -> None:
        """Take the widgets that the kernel has."""

    def on_disconnected(self) -> None:
        """Notice the end of the kernel's process."""


class CommLink:
    """Channels and reader of one kernel process; close it when done."""

    def __init__(self, info: ConnectionInfo, unique: str, listener: CommListener) -> None:
        self.info = info
        self.disconnected = False
        self._listener = listener
        self._answered = asyncio.Event()
        self._heard = asyncio.Event()
        session = new_session(f"widgets-{unique}")
        self.session_id: str = session.session
        self.kernel_session = ""
        """The session of the kernel's own messages, once it has answered."""
        self._channels = KernelChannels(info, session, self)
        self._reader = CommReader(
            info,
            session,
            on_messages=listener.on_messages,
            on_heard=self._heard.set,
            joins_text=False,
        )

    async def ping(self, timeout_s: float) -> bool:
        """Ask for a sign of life; True if replies and what the kernel publishes arrive."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._channels.ping_until(self._answered, self._heard)
        except TimeoutError:
            return False
        return not self.disconnected

    def ask_comms(self) -> None:
        """Ask which widgets there are; the listener is told."""
        self._channels.ask_comms()

    def send(
        self, content: dict[str, Any], buffers: Sequence[bytes] = (), msg_id: str | None = None
    ) -> dict[str, Any]:
        """Send a message of a comm to the kernel; return its header."""
        return self._channels.send_comm(content, buffers, msg_id)

    def take(self) -> list[CommMessage]:
        """Return what the kernel published since the previous call."""
        return [each for each in self._reader.take() if isinstance(each, CommMessage)]

    async def close(self) -> None:
        """Close sockets and thread; idempotent."""
        await self._channels.close()
        self._reader.close()

    def on_reply(self, message: dict[str, Any]) -> None:
        """Take a reply of the channels."""
        self._answered.set()
        self.kernel_session = str(message["header"].get("session", ""))
        comms = message["content"].get("comms")
        if message["header"]["msg_type"] == "comm_info_reply" and isinstance(comms, dict):
            self._listener.on_comms(
                [
                    comm_id
                    for comm_id, comm in comms.items()
                    if isinstance(comm, dict) and comm.get("target_name") == WIDGET_TARGET
                ]
            )

    def on_input_request(self, message: dict[str, Any]) -> None:
        """Leave a question alone: messages of comms cannot be asked anything."""

    def on_disconnected(self) -> None:
        """Pass on the end of the process, once."""
        first, self.disconnected = not self.disconnected, True
        if first:
            self._listener.on_disconnected()


async def connect(
    host: KernelHost,
    kernel_id: str,
    listener: CommListener,
    *,
    new_id: Callable[[], str],
    now: Callable[[], float],
) -> CommLink:
    """Return a link over which the kernel is heard.

    Follows a kernel that restarts meanwhile. Raises ``KernelNotFoundError``, and
    ``KernelUnreachableError`` if it stays silent.
    """
    started = now()
    link: CommLink | None = None
    try:
        while now() - started < CONNECT_S:
            info = await host.connection_info(kernel_id)
            if link is None or link.disconnected or link.info != info:
                if link is not None:
                    await link.close()
                link = CommLink(info, new_id(), listener)
            if await link.ping(PING_S):
                return link
            if link.disconnected:
                await asyncio.sleep(PING_S)
    except BaseException:
        if link is not None:
            await link.close()
        raise
    if link is not None:
        await link.close()
    raise KernelUnreachableError(kernel_id, f"it did not answer for {CONNECT_S:.0f} s")
