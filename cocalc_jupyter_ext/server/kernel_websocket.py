"""The kernel websocket of browsers, without the outputs that reach them through the document.

A notebook's outputs are written into the document by the server. The messages they were made
from would make every browser receive everything twice, and would count against the rate limit
of the websocket, which drops what is above it. Kept are: everything that other sessions cause
(consoles), and of the runners' messages status and input requests.

Messages of widgets take another way: see ``widget_page.py``. What an Output widget captures is
shown by the widget and nowhere else (syncdoc-jupyter §8.4).
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.websocket import WebSocketClosedError

from ..kernels.channels import RUNNER_SESSION_PREFIX
from ..kernels.widgets.kernel_widgets import KernelWidgets
from .page_messages import PageMessage, UnreadableMessageError, is_framed, read, write
from .widget_page import WidgetPage

__all__ = ["WIDGETS_OF_KERNEL", "DocumentOutputsConnection", "install"]

WIDGETS_OF_KERNEL: Final = "cocalc_widgets_of_kernel"
"""The server's setting with the function that gives the widgets of a kernel, or None."""

WidgetsOf = Callable[[str], KernelWidgets | None]

_IN_DOCUMENT = {
    "stream",
    "display_data",
    "execute_result",
    "error",
    "update_display_data",
    "clear_output",
    "execute_input",
}
_MARK = RUNNER_SESSION_PREFIX.encode()
_OF_COMMS = b'"comm_'
TOO_SLOW: Final = 4408
SUBSHELL: Final = "subshell_id"
"""Left out of messages of comms, which then go to the main shell.

JupyterLab makes a subshell for them in each page, and a page goes on naming its own after another
one has restarted the kernel. ipykernel sends everybody's next message to the subshell that was
named last, and drops it where that is gone: the widget would be dead for all.
"""


class DocumentOutputsConnection(ZMQChannelsWebsocketConnection):
    """Drops outputs that are shown elsewhere, and gives messages of widgets another way."""

    _page: WidgetPage | None = None
    _info_channel: Any = None

    def connect(self) -> asyncio.Future[None] | None:  # type: ignore[override]  # base says async
        """Begin to pass messages on, those of widgets first."""
        widgets_of: WidgetsOf | None = self.websocket_handler.settings.get(WIDGETS_OF_KERNEL)
        widgets = widgets_of(str(self.kernel_id)) if widgets_of is not None else None
        if widgets is not None and self._page is None:
            self._page = WidgetPage(
                widgets,
                self.session.session,
                write=self._write,
                hang_up=lambda reason: self.websocket_handler.close(TOO_SLOW, reason),
                is_busy=lambda: getattr(self.kernel_manager, "execution_state", "") == "busy",
                new_id=lambda: uuid.uuid4().hex,
            )
        return super().connect()

    def request_kernel_info(self) -> asyncio.Future[Any]:
        """Ask also where a busy kernel answers: the first page may come while a cell runs."""
        is_known = hasattr(self.kernel_manager, "_kernel_info_future")
        if not is_known:
            channel = self._info_channel = self.multi_kernel_manager.connect_control(self.kernel_id)
            channel.on_recv(self._on_kernel_info)
            self.session.send(channel, "kernel_info_request")
        future: asyncio.Future[Any] = super().request_kernel_info()  # type: ignore[no-untyped-call]
        return future

    def _on_kernel_info(self, frames: list[Any]) -> None:
        self._close_info_channel()
        if not self._kernel_info_future.done():
            self._handle_kernel_info_reply(frames)  # type: ignore[no-untyped-call]

    def _close_info_channel(self) -> None:
        channel, self._info_channel = self._info_channel, None
        if channel is not None and not channel.closed():
            channel.close()

    def handle_incoming_message(self, incoming_msg: str) -> None:
        """Pass a message of the browser to the kernel, unless the server answers it."""
        if not is_framed(incoming_msg, self.subprotocol):
            self.log.warning("A page sent a message that cannot be read; it is dropped.")
            return
        page = self._page
        if page is not None and self.channels and _may_concern_widgets(incoming_msg):
            try:
                message = read(incoming_msg, self.subprotocol, self.session)
            except UnreadableMessageError as error:
                self.log.warning("A page sent a message that cannot be read: %s", error)
                return
            if page.takes(message):
                return
            if SUBSHELL in message.header:
                incoming_msg = self._without_subshell(message)
        super().handle_incoming_message(incoming_msg)

    def _without_subshell(self, message: PageMessage) -> Any:
        header = {key: value for key, value in message.header.items() if key != SUBSHELL}
        return write(replace(message, header=header), self.subprotocol, self.session)

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Pass a message of the kernel to the browser, unless it gets it in another way."""
        if not self._is_elsewhere(outgoing_msg):
            super().handle_outgoing_message(stream, outgoing_msg)

    def disconnect(self) -> None:  # type: ignore[override]  # upstream's base class says async
        """End the connection; what is kept for its return leaves out the same messages.

        The stock manager keeps everything the kernel says for a browser that may come back,
        without limit: a long run with no browser would fill the memory.
        """
        if self._page is not None:
            self._page.leave()
        self._close_info_channel()
        channels = dict(self.channels)
        super().disconnect()  # type: ignore[no-untyped-call]  # untyped upstream
        iopub = channels.get("iopub")
        buffers = self.multi_kernel_manager._kernel_buffers  # noqa: SLF001 - no public access
        kept = dict(buffers).get(self.kernel_id)
        if iopub is not None and kept is not None and kept["channels"].get("iopub") is iopub:
            iopub.on_recv(partial(self._keep, kept["buffer"]))

    def _keep(self, buffer: list[tuple[str, list[Any]]], frames: list[Any]) -> None:
        if not self._is_elsewhere(frames):
            buffer.append(("iopub", frames))

    def _is_elsewhere(self, frames: list[Any]) -> bool:
        _, parts = self.session.feed_identities(frames)
        header, parent, content = parts[1], parts[2], parts[4]
        by_runner = _MARK in bytes(parent)  # type: ignore[arg-type]  # a zmq Frame is a buffer
        if self._page is None and not by_runner:
            return False
        unpack = self.session.unpack
        kind = str(unpack(header).get("msg_type"))
        if by_runner and kind in _IN_DOCUMENT:
            session = str(unpack(parent).get("session", ""))
            if session.startswith(RUNNER_SESSION_PREFIX):
                return True
        return self._page is not None and self._page.leaves_out(
            kind, lambda: str(unpack(parent).get("msg_id", "")), lambda: unpack(content)
        )

    def _write(self, message: PageMessage) -> tuple[int, Awaitable[None]]:
        data = write(message, self.subprotocol, self.session)
        try:
            sent = self.write_message(data, binary=isinstance(data, bytes))
        except WebSocketClosedError:
            sent = _nothing()
        return len(data), sent


async def _nothing() -> None:
    """Wait for nothing: the connection has ended, and its end is handled where it is noticed."""


def _may_concern_widgets(raw: str | bytes) -> bool:
    """Look at the bytes: most messages of pages are other ones."""
    return _OF_COMMS in raw if isinstance(raw, bytes) else _OF_COMMS.decode() in raw


def install(settings: dict[str, Any], log: Any) -> bool:
    """Use this connection in the server, unless another one was chosen; return whether."""
    chosen = settings.get("kernel_websocket_connection_class")
    if chosen is not ZMQChannelsWebsocketConnection:
        log.info(
            "The kernel websocket stays %s, as configured; browsers receive the outputs of "
            "notebooks twice, once unused.",
            getattr(chosen, "__name__", chosen),
        )
        return False
    settings["kernel_websocket_connection_class"] = DocumentOutputsConnection
    return True
