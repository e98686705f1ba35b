"""The sockets of one kernel, with a session of our own.

``KernelChannels`` sends requests and hears replies on the event loop. It notices the end of the
kernel's process as the closing of the connections, which needs neither polling nor the
cooperation of whoever ended it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import zmq
import zmq.asyncio
from jupyter_client.connect import ConnectionFileMixin, KernelConnectionInfo
from jupyter_client.session import Session
from zmq.utils.monitor import recv_monitor_message

__all__ = [
    "RUNNER_SESSION_PREFIX",
    "UNREADABLE",
    "ChannelListener",
    "ConnectionInfo",
    "KernelChannels",
    "check_parts",
    "connection",
    "new_session",
]

ConnectionInfo = KernelConnectionInfo
"""Address and key of a kernel, as ``KernelManager.get_connection_info`` gives it."""

RUNNER_SESSION_PREFIX = "cocalc-runner-"
"""Session ids of runners start with this; front ends need not see the outputs they cause."""

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What jupyter_client raises for messages with bad signatures, too few parts, or missing fields,
and Python for JSON that is nested too deeply."""

_log = logging.getLogger(__name__)

_HEAR_S: Final = 0.1
"""For how long the control channel alone is relied on."""


class ChannelListener(Protocol):
    """Who is told what the kernel says."""

    def on_reply(self, message: dict[str, Any]) -> None:
        """Take a reply of the shell or control channel."""

    def on_input_request(self, message: dict[str, Any]) -> None:
        """Take a question for a line of text."""

    def on_disconnected(self) -> None:
        """Notice that the kernel's process closed its end."""


def new_session(unique: str) -> Session:
    """Return a session whose messages are recognised as caused by a runner."""
    return Session(session=RUNNER_SESSION_PREFIX + unique)


def connection(
    info: ConnectionInfo, session: Session, context: zmq.Context[Any]
) -> ConnectionFileMixin:
    """Return the maker of sockets for a kernel; ``session`` gets the kernel's key."""
    made = ConnectionFileMixin(context=context, session=session)
    made.load_connection_info(info)
    return made


def check_parts(*parts: object) -> None:
    """Raise ``TypeError`` if one of the parts of a message is not an object."""
    if not all(isinstance(part, dict) for part in parts):
        raise TypeError("a part of the message is not an object")


class KernelChannels:
    """Shell, control and stdin of one kernel process."""

    def __init__(self, info: ConnectionInfo, session: Session, listener: ChannelListener) -> None:
        self._session = session
        self._listener = listener
        self._context = _WatchedContext()
        made = connection(info, session, self._context)
        identity = session.bsession
        self._shell: Any = made.connect_shell(identity)
        self._control: Any = made.connect_control(identity)
        self._stdin: Any = made.connect_stdin(identity)
        self.connected = asyncio.Event()
        """Set when all channels are connected: a kernel drops a question to an unknown peer."""
        self._unconnected = {self._shell, self._control, self._stdin}
        self._tasks = [
            self._start(self._read(self._shell, listener.on_reply), "shell"),
            self._start(self._read(self._control, listener.on_reply), "control"),
            self._start(self._read(self._stdin, listener.on_input_request), "stdin"),
            *(self._start(self._watch(socket), "connection") for socket in self._unconnected),
        ]

    def ping(self) -> None:
        """Ask for the kernel's info on the control channel, which answers while a cell runs."""
        self._send(self._control, "kernel_info_request")

    async def ping_until(self, answered: asyncio.Event, heard: asyncio.Event) -> None:
        """Ask for signs of life, and wait until a reply has come and something was published.

        Some kernels do not answer what the control channel asks (R's), or publish nothing about
        it (Deno's). They are asked over the shell channel, which only an idle kernel answers.
        """
        self.ping()
        await self.connected.wait()
        try:
            async with asyncio.timeout(_HEAR_S):
                await answered.wait()
                await heard.wait()
        except TimeoutError:
            self.ask("kernel_info_request", {})
            await answered.wait()
            await heard.wait()

    def execute(
        self, source: str, cell_id: str, *, allow_stdin: bool = True, silent: bool = False
    ) -> str:
        """Send code; return the id of the request."""
        content = {
            "code": source,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {},
            "allow_stdin": allow_stdin,
            # The queue decides what an error stops; the kernel must not abort others' requests.
            "stop_on_error": False,
        }
        message = self._session.msg("execute_request", content, metadata={"cellId": cell_id})
        self._send(self._shell, message)
        return str(message["header"]["msg_id"])

    def ask(self, kind: str, content: dict[str, Any]) -> str:
        """Send a question over the shell channel; return its id."""
        message = self._session.msg(kind, content)
        self._send(self._shell, message)
        return str(message["header"]["msg_id"])

    def ask_comms(self) -> None:
        """Ask which comms there are, on both channels: one may be busy, one may not answer."""
        for socket in (self._control, self._shell):
            self._send(socket, "comm_info_request", {})

    def send_comm(
        self, content: dict[str, Any], buffers: Sequence[bytes] = (), msg_id: str | None = None
    ) -> dict[str, Any]:
        """Send a message of a comm; return its header."""
        message = self._session.msg("comm_msg", content)
        if msg_id:
            message["header"]["msg_id"] = message["msg_id"] = msg_id
        self._send(self._shell, message, buffers=list(buffers))
        header: dict[str, Any] = message["header"]
        return header

    def answer(self, request: dict[str, Any], value: str) -> None:
        """Answer an input request."""
        self._send(self._stdin, "input_reply", {"value": value}, parent=request)

    async def close(self) -> None:
        """Close the sockets; idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tasks:
            for socket in (self._shell, self._control, self._stdin):
                socket.disable_monitor()
            self._context.destroy(linger=0)

    def _send(self, socket: Any, *message: Any, **options: Any) -> None:
        """Send, and look for what arrived at the same moment.

        The session sends past the asyncio socket, which then does not learn that sending took
        notice of an arrival. The reader would wait for a message that is there.
        """
        self._session.send(socket, *message, **options)
        socket.get(zmq.EVENTS)

    def _start(self, reading: Any, channel: str) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(reading, name=f"kernel {channel}")
        task.add_done_callback(self._on_ended)
        return task

    def _on_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("Reading from a kernel failed", exc_info=error)
            self._listener.on_disconnected()

    async def _read(self, socket: Any, handle: Callable[[dict[str, Any]], None]) -> None:
        while True:
            frames = await socket.recv_multipart()
            try:
                _, parts = self._session.feed_identities(frames)
                message = self._session.deserialize(parts)
                check_parts(message["parent_header"], message["metadata"], message["content"])
            except UNREADABLE:
                _log.warning("A kernel sent a message that cannot be read", exc_info=True)
            else:
                handle(message)

    async def _watch(self, socket: Any) -> None:
        monitor = socket.get_monitor_socket()
        while True:
            event = (await recv_monitor_message(monitor))["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._unconnected.discard(socket)
                if not self._unconnected:
                    self.connected.set()
            elif event == zmq.EVENT_DISCONNECTED:
                self._listener.on_disconnected()


class _WatchedContext(zmq.asyncio.Context):
    """Watches every channel from before it connects, so that no event is missed."""

    def socket(self, socket_type: int, **options: Any) -> Any:  # type: ignore[override]  # narrower
        made = super().socket(socket_type, **options)
        if socket_type == zmq.DEALER:
            made.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        return made
