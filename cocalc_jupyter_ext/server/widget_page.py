"""One browser page and the widgets of its kernel.

Questions of the widget manager are answered here, at once and also while the kernel is busy, and
not by the kernel (jupyterlab-rtc §6). Messages of comms reach the page from the models, in one
order with these answers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from ..kernels.widgets.captures import CAPTURED_KINDS
from ..kernels.widgets.comm_messages import (
    COMM_KINDS,
    CONTROL_TARGET,
    WIDGET_TARGET,
    CommMessage,
)
from ..kernels.widgets.kernel_widgets import KernelWidgets
from .page_messages import PageMessage

__all__ = ["WidgetPage"]

_log = logging.getLogger(__name__)

MAX_UNSENT_BYTES: Final = 100_000_000
MAX_CONTROLS: Final = 100
CONTROL_VERSION: Final = "1.0.0"
CAUGHT_UP: Final = "cocalc.widgets.caught-up"
"""No comm has this target: whose page asks for such comms wants to have all earlier messages."""


class WidgetPage:
    """Joins ``widgets`` at once; ``leave`` it when the page's connection ends.

    ``write`` sends a message and returns what to wait for until it is on its way; ``hang_up`` ends
    the connection; ``is_busy`` tells whether the kernel runs something.
    """

    def __init__(
        self,
        widgets: KernelWidgets,
        session_id: str,
        *,
        write: Callable[[PageMessage], tuple[int, Awaitable[None]]],
        hang_up: Callable[[str], None],
        is_busy: Callable[[], bool],
        new_id: Callable[[], str],
    ) -> None:
        self._widgets = widgets
        self._session_id = session_id
        self._write = write
        self._hang_up = hang_up
        self._is_busy = is_busy
        self._new_id = new_id
        self._controls: dict[str, None] = {}
        self._unsent_bytes = 0
        self._writing: set[asyncio.Task[None]] = set()
        self._captures = widgets.join(self)

    @property
    def session_id(self) -> str:
        """The session of the page's messages."""
        return self._session_id

    def leave(self) -> None:
        """Get no more messages; calling it again does nothing."""
        self._widgets.leave(self)

    # From the kernel

    def send(self, message: CommMessage) -> None:
        """Pass a message of a comm on to the page."""
        self._put(_told(message))

    def leaves_out(
        self, kind: str, parent_id: Callable[[], str], content: Callable[[], dict[str, Any]]
    ) -> bool:
        """Return whether a message of the kernel's output channel must not go its usual way."""
        if kind in COMM_KINDS:
            self._note(content(), parent_id())
            return not self._widgets.cannot_follow
        if kind in CAPTURED_KINDS and self._captures.requests:
            return self._captures.target(parent_id()) is not None
        is_status = kind == "status" and bool(self._captures.requests)
        if is_status and content().get("execution_state") == "idle":
            self._captures.end(parent_id())
        return False

    def _note(self, content: dict[str, Any], parent_id: str) -> None:
        data = content.get("data")
        if isinstance(data, dict):
            self._captures.note(str(content.get("comm_id")), data, parent_id)

    # From the page

    def takes(self, message: PageMessage) -> bool:
        """Take in what the page sends; return whether the kernel must not get it."""
        if message.channel != "shell":
            return False
        if message.kind == "comm_info_request":
            return self._answer_comm_info(message)
        return message.kind in COMM_KINDS and self._takes_of_comm(message)

    def _takes_of_comm(self, message: PageMessage) -> bool:
        comm_id = message.content.get("comm_id")
        if not isinstance(comm_id, str):
            _log.warning("a page sent a message to a comm that has no id; it is dropped")
            return True
        if message.kind == "comm_open":
            return self._opens(message, comm_id)
        if comm_id in self._controls:
            self._answer_control(message, comm_id)
            return True
        return self._pass(message)

    def _opens(self, message: PageMessage, comm_id: str) -> bool:
        target = message.content.get("target_name")
        if target == CONTROL_TARGET and self._widgets.knows_all:
            self._controls[comm_id] = None
            if len(self._controls) > MAX_CONTROLS:
                del self._controls[next(iter(self._controls))]
            self._answer(message, [])
            return True
        return target != CONTROL_TARGET and self._pass(message)

    def _answer_comm_info(self, request: PageMessage) -> bool:
        target, comms = request.content.get("target_name"), {}
        if target == CAUGHT_UP and not self._widgets.cannot_follow:
            self._widgets.catch_up()
        elif target == WIDGET_TARGET and self._widgets.knows_all:
            comms = {
                model.model_id: {"target_name": model.target}
                for model in self._widgets.models.widgets()
            }
        else:
            return False
        header = self._header("comm_info_reply")
        content = {"status": "ok", "comms": comms}
        self._answer(request, [PageMessage("shell", header, content, request.header)])
        return True

    def _answer_control(self, request: PageMessage, comm_id: str) -> None:
        if request.kind == "comm_close":
            self._controls.pop(comm_id, None)
            self._answer(request, [])
            return
        data = request.content.get("data")
        if not isinstance(data, dict) or data.get("method") != "request_states":
            _log.warning("a page asked something unknown about widgets; it gets no answer")
            self._answer(request, [])
            return
        states, buffers = self._widgets.states()
        header, content = self._header("comm_msg"), {"comm_id": comm_id, "data": states}
        answer = PageMessage(
            "iopub",
            header,
            content,
            request.header,
            {"version": CONTROL_VERSION},
            tuple(buffers),
        )
        self._answer(request, [answer])

    def _pass(self, message: PageMessage) -> bool:
        """Let the models know what goes to the kernel; return whether it must not get it."""
        header = {**message.header, "session": self._session_id}
        sent = CommMessage(
            parent_id="",
            kind=message.kind,
            content=message.content,
            metadata=message.metadata,
            buffers=message.buffers,
            header=header,
        )
        answers = self._widgets.from_page(self, sent)
        if answers is not None:
            self._answer(message, list(map(_told, answers)))
        return answers is not None

    def _answer(self, request: PageMessage, answers: list[PageMessage]) -> None:
        """Answer as the kernel does: busy, the answer, idle; and then how it really is."""
        self._put(self._status("busy", request.header))
        for answer in answers:
            self._put(answer)
        self._put(self._status("idle", request.header))
        if self._is_busy():
            self._put(self._status("busy", {}))

    def _status(self, state: str, parent: dict[str, Any]) -> PageMessage:
        return PageMessage("iopub", self._header("status"), {"execution_state": state}, parent)

    def _header(self, kind: str) -> dict[str, Any]:
        return {
            "msg_id": self._new_id(),
            "msg_type": kind,
            "session": self._widgets.kernel_session,
            "username": "",
            "version": "5.3",
            "date": datetime.now(UTC).isoformat(),
        }

    # Sending

    def _put(self, message: PageMessage) -> None:
        """Send a message; a page that does not read is told to come back."""
        size, sent = self._write(message)
        self._unsent_bytes += size
        task = asyncio.ensure_future(self._wait(size, sent))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        if self._unsent_bytes > MAX_UNSENT_BYTES:
            self._unsent_bytes = 0
            self.leave()
            self._hang_up("The page reads the messages of widgets too slowly.")

    async def _wait(self, size: int, sent: Awaitable[None]) -> None:
        try:
            await sent
        except Exception as error:  # noqa: BLE001 - tornado's own; the connection then ends
            _log.debug("a message did not reach a page: %s", error)
        finally:
            self._unsent_bytes -= size


def _told(message: CommMessage) -> PageMessage:
    return PageMessage(
        "iopub",
        message.header,
        message.content,
        message.parent,
        message.metadata,
        message.buffers,
    )
