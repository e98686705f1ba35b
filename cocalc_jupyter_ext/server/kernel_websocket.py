"""The kernel websocket of browsers, without the outputs that reach them through the document.

A notebook's outputs are written into the document by the server. The messages they were made
from would make every browser receive everything twice, and would count against the rate limit
of the websocket, which drops what is above it. Kept are: everything that other sessions cause
(consoles, widgets), and of the runners' messages status, comms and input requests.
"""

from functools import partial
from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from ..kernels.channels import RUNNER_SESSION_PREFIX

__all__ = ["DocumentOutputsConnection", "install"]

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


class DocumentOutputsConnection(ZMQChannelsWebsocketConnection):
    """Drops outputs caused by runners; everything else is the stock connection."""

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Pass a message of the kernel to the browser, unless the document has it."""
        if not self._is_in_document(outgoing_msg):
            super().handle_outgoing_message(stream, outgoing_msg)

    def disconnect(self) -> None:  # type: ignore[override]  # upstream's base class says async
        """End the connection; what is kept for its return leaves out the same messages.

        The stock manager keeps everything the kernel says for a browser that may come back,
        without limit: a long run with no browser would fill the memory.
        """
        channels = dict(self.channels)
        super().disconnect()  # type: ignore[no-untyped-call]  # untyped upstream
        iopub = channels.get("iopub")
        buffers = self.multi_kernel_manager._kernel_buffers  # noqa: SLF001 - no public access
        kept = dict(buffers).get(self.kernel_id)
        if iopub is not None and kept is not None and kept["channels"].get("iopub") is iopub:
            iopub.on_recv(partial(self._keep, kept["buffer"]))

    def _keep(self, buffer: list[tuple[str, list[Any]]], frames: list[Any]) -> None:
        if not self._is_in_document(frames):
            buffer.append(("iopub", frames))

    def _is_in_document(self, frames: list[Any]) -> bool:
        _, parts = self.session.feed_identities(frames)
        header, parent = parts[1], parts[2]
        if _MARK not in bytes(parent):  # type: ignore[arg-type]  # a zmq Frame is a buffer
            return False
        session = self.session.unpack(parent).get("session", "")
        return (
            session.startswith(RUNNER_SESSION_PREFIX)
            and self.session.unpack(header).get("msg_type") in _IN_DOCUMENT
        )


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
