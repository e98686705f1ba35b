"""The widgets of one kernel: what it says about them goes to everybody, changes go to it.

One reader follows the kernel's messages in their order, keeps the models, and passes the messages
on to the pages. So a page that is told all states at some moment, and every message after it,
misses nothing and gets nothing twice, also while the kernel is busy.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ...conat.signals import Signal
from ..errors import KernelUnreachableError
from ..kernel import KernelHost
from .captures import Captures
from .comm_link import CommLink
from .comm_messages import (
    COMM_KINDS,
    ECHO_UPDATE,
    UPDATE,
    WIDGET_TARGET,
    CommMessage,
    Path,
    buffers_by_path,
)
from .errors import ModelNotFoundError
from .joined_updates import join_updates
from .linked_fields import LinkedFields
from .made_messages import MessageMaker, states_answer
from .models import OUTPUTS, Change, WidgetModel, WidgetModels, is_whole
from .pages import Page, Pages
from .process_follower import ProcessFollower
from .unconfirmed import Sent, Unconfirmed

__all__ = ["KernelWidgets"]

BATCH_S: Final = 0.02
"""Between two looks at what the kernel said: what comes faster is joined."""
SHOW_S: Final = 0.1
"""Between two views of what an Output widget captures; more where that is much."""
SHOW_BYTES_PER_S: Final = 1_000_000
MAX_SHOW_S: Final = 2.0
TABLE: Final = "table"
"""All CoCalc clients together, as one of those who report changes."""


class KernelWidgets:
    """Follows one kernel, through its restarts, from ``start`` to ``close``.

    ``changed`` tells what others than CoCalc clients have changed; ``lost`` that the process has
    ended, whose models are still here; ``restarted`` that a new one has begun, without widgets;
    ``ended`` that there will be no other.
    """

    def __init__(self, kernel_id: str, host: KernelHost, *, new_id: Callable[[], str]) -> None:
        self.kernel_id = kernel_id
        self.changed: Signal[[list[Change]]] = Signal(f"changes of the widgets of {kernel_id}")
        self.restarted: Signal[[]] = Signal(f"restarts of {kernel_id}")
        self.lost: Signal[[]] = Signal(f"loss of the process of {kernel_id}")
        self.ended: Signal[[]] = Signal(f"end of {kernel_id}")
        self.models = WidgetModels()
        self._has_begun = False
        self._messages = MessageMaker(new_id)
        self._loop = asyncio.get_running_loop()
        self._process = ProcessFollower(
            kernel_id,
            host,
            self,
            new_id=new_id,
            on_begin=self._begin,
            on_lost=self._on_lost,
            on_ended=self._on_ended,
        )
        self._missing: set[str] | None = None
        self._pages = Pages(self._messages)
        self._unconfirmed = Unconfirmed()
        self._linked = self._pages.linked
        self._timer: asyncio.TimerHandle | None = None
        self._looked_at = self._shown_at = 0.0
        self._show_pause_s = SHOW_S

    # Life

    def start(self) -> None:
        """Begin to follow the kernel."""
        self._process.start()

    async def close(self) -> None:
        """Stop following; calling it again does nothing."""
        await self._process.close()

    @property
    def is_alive(self) -> bool:
        """Whether the kernel's process can be spoken to."""
        return self._process.link is not None

    @property
    def knows_all(self) -> bool:
        """Whether every widget of the kernel is known here."""
        return self.is_alive and self._missing == set() and self.models.is_complete

    @property
    def cannot_follow(self) -> bool:
        """Whether the kernel lets nobody here follow it: pages get its messages directly then."""
        return self._process.cannot_follow

    async def wait_connected(self, timeout_s: float) -> bool:
        """Wait until nothing that the kernel says can be missed; return whether it is so."""
        return await self._process.wait_connected(timeout_s)

    @property
    def kernel_session(self) -> str:
        """The session of the kernel's messages, which those made in its place must have too."""
        return self._messages.session

    # Pages

    def join(self, page: Page) -> Captures:
        """Pass messages on to a page; return what Output widgets capture at this moment."""
        self._look()
        self._pages.add(page, self.models.widgets())
        return self.models.captures.copy()

    def leave(self, page: Page) -> None:
        """Pass nothing more on to a page; it may come back, and is told then what it missed."""
        self._pages.remove(page, self.models.widgets())

    def catch_up(self) -> None:
        """Pass all on to the pages that the kernel has said so far."""
        self._look()

    def states(self) -> tuple[dict[str, Any], list[bytes]]:
        """Return the answer to ``request_states``: the data and its binary parts.

        The page has every message before this answer, and gets every later one after it.
        """
        self._look()
        return states_answer(self.models.widgets())

    def from_page(self, page: Page, message: CommMessage) -> list[CommMessage] | None:
        """Take in what a page sends to the kernel, which gets it too.

        Unless answers are returned: the page gets them in the kernel's place.
        """
        self._look()
        if message.kind == "comm_msg":
            if message.method == UPDATE and message.comm_id in self.models:
                return self._update_from_page(page, message)
            return None
        if message.kind == "comm_open" and (
            message.comm_id in self.models or not is_whole(message.state)
        ):
            return None  # The kernel will refuse it.
        changes = self.models.apply(message)
        if changes:  # Other comms concern the page alone.
            told = replace(message, header={**message.header, "session": self.kernel_session})
            self._pages.tell([told], but=page.session_id)
            self._emit(changes)
        return None

    def _update_from_page(self, page: Page, message: CommMessage) -> list[CommMessage] | None:
        model_id, state = message.comm_id, dict(message.state)
        buffers = buffers_by_path(message.data, message.buffers)
        now = self._loop.time()
        if not buffers and self._linked.is_needless(page.session_id, model_id, state, now):
            return self._answers(page, message)
        self._linked.set(model_id, state)
        sent = Sent(model_id, message.header, state, buffers)
        self._unconfirmed.note(str(message.header.get("msg_id")), sent)
        return None

    def _answers(self, page: Page, message: CommMessage) -> list[CommMessage]:
        """Return the echo that the page waits for, and what really holds."""
        data = {"method": ECHO_UPDATE, "state": message.state}
        answers = [self._messages.message(message.comm_id, data, parent=message.header)]
        state = self._linked.corrections(message.comm_id, message.state)
        if state:
            self._linked.tell(page.session_id, message.comm_id, state, self._loop.time())
            data = {"method": ECHO_UPDATE, "state": state}
            answers.append(self._messages.message(message.comm_id, data))
        return answers

    # To the kernel

    def send_update(
        self,
        model_id: str,
        state: Mapping[str, Any],
        buffers: Mapping[Path, bytes] | None = None,
        *,
        msg_id: str | None = None,
        from_table: bool = False,
    ) -> None:
        """Change fields of a model; raises ModelNotFoundError, KernelUnreachableError."""
        buffers, now = buffers or {}, self._loop.time()
        if from_table and not buffers and self._linked.is_needless(TABLE, model_id, state, now):
            self._emit([Change("updated", model_id, frozenset(state))])  # what really holds
            return
        self._linked.set(model_id, state)
        data = {
            "method": UPDATE,
            "state": dict(state),
            "buffer_paths": [list(path) for path in buffers],
        }
        header = self.send(model_id, data, list(buffers.values()), msg_id)
        sent = Sent(model_id, header, dict(state), dict(buffers), from_table)
        self._unconfirmed.note(header["msg_id"], sent)

    def send(
        self,
        model_id: str,
        data: Mapping[str, Any],
        buffers: Sequence[bytes] = (),
        msg_id: str | None = None,
    ) -> dict[str, Any]:
        """Send something to a model; return the header of the message.

        Raises ModelNotFoundError, KernelUnreachableError.
        """
        model = self.models.get(model_id)
        if model is None:
            raise ModelNotFoundError(model_id)
        if self._process.link is None:
            raise KernelUnreachableError(self.kernel_id, "it has ended")
        content = {"comm_id": model_id, "target_name": model.target, "data": dict(data)}
        return self._process.link.send(content, buffers, msg_id)

    # What the kernel says

    def on_messages(self) -> None:
        """Look at what the kernel said, but not too often."""
        if self._timer is None:
            self._look_at(self._looked_at + BATCH_S)

    def on_comms(self, model_ids: list[str]) -> None:
        """Ask for the states of widgets that were made before anybody followed."""
        if self._missing is not None:
            return
        self._look()
        self._missing = {model_id for model_id in model_ids if model_id not in self.models}
        for model_id in self._missing:
            self._ask_state(model_id)

    def _ask_state(self, model_id: str) -> None:
        data = {"method": "request_state"}
        content = {"comm_id": model_id, "target_name": WIDGET_TARGET, "data": data}
        if self._process.link is not None:
            self._process.link.send(content)

    def on_disconnected(self) -> None:
        """Notice the end of the kernel's process; what it showed is kept until the next one."""
        self._process.disconnected()

    def _look_at(self, when: float) -> None:
        self._timer = self._loop.call_at(max(when, self._loop.time()), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._look()

    def _look(self) -> None:
        """Take in what the kernel has said so far, and pass it on."""
        link = self._process.link
        if link is None:
            return
        now = self._looked_at = self._loop.time()
        to_pages: list[CommMessage] = []
        changes: list[Change] = []
        ended: list[WidgetModel] = []
        for message in link.take():
            if message.kind == "status":
                if message.content.get("execution_state") == "idle":
                    changes += self._idle(message.parent_id, to_pages)
                    ended += self.models.end_request(message.parent_id)
            else:
                changes += self._hear(link, message, to_pages)
        if ended or now >= self._shown_at + self._show_pause_s:
            changes += self._show(to_pages, now)
        elif self.models.has_unshown and self._timer is None:
            self._look_at(self._shown_at + self._show_pause_s)
        self._pages.tell(join_updates(to_pages, self._may_skip))
        self._emit(changes)
        for model in ended:
            self._sync_outputs(model)

    def _hear(
        self, link: CommLink, message: CommMessage, to_pages: list[CommMessage]
    ) -> list[Change]:
        if message.kind == "error":
            self._unconfirmed.fail(message.parent_id)
        if message.kind not in COMM_KINDS:
            return self.models.apply(message)
        sent = self._unconfirmed.hear(message)
        is_echo = message.method == ECHO_UPDATE
        if is_echo and OUTPUTS in message.state and message.parent_session == link.session_id:
            self._check_outputs(message)
            return []
        changes = self.models.apply(message)
        self._linked.follow(message.comm_id, self.models.get(message.comm_id))
        if message.method == UPDATE:
            self._linked.set(message.comm_id, message.state)
        if self._missing:
            self._missing.discard(message.comm_id)
        if message.kind == "comm_msg" and any(each.what == "opened" for each in changes):
            to_pages += [
                self._messages.opening(model)
                for each in changes
                if (model := self.models.get(each.model_id)) is not None
            ]
        else:
            to_pages.append(message)
        # CoCalc clients have what they changed; for them it is no news (§8.2).
        return [] if is_echo and sent is not None and sent.from_table else changes

    def _idle(self, message_id: str, to_pages: list[CommMessage]) -> list[Change]:
        """Tell others what the kernel took from somebody without telling them itself."""
        sent = self._unconfirmed.end(message_id)
        if sent is not None and sent.failed:
            # It may have told everybody a value before it refused it: let it tell the true ones.
            self._ask_state(sent.model_id)
            return []
        if sent is None or not (sent.state or sent.buffers):
            return []
        paths = [list(path) for path in sent.buffers]
        data = {"method": ECHO_UPDATE, "state": sent.state, "buffer_paths": paths}
        echo = self._messages.message(
            sent.model_id, data, tuple(sent.buffers.values()), sent.header
        )
        changes = self.models.set(sent.model_id, sent.state, sent.buffers)
        self._pages.tell(join_updates(to_pages, self._may_skip))
        to_pages.clear()
        self._pages.tell([echo], but=str(sent.header.get("session")))
        return [] if sent.from_table else changes

    # Output widgets

    def _show(self, to_pages: list[CommMessage], now: float) -> list[Change]:
        changes = self.models.show_captured()
        shown = 0
        for change in changes:
            model = self.models.get(change.model_id)
            if model is not None:
                shown += model.sizes.get(OUTPUTS, 0)
                data = {"method": UPDATE, "state": {OUTPUTS: model.state.get(OUTPUTS, [])}}
                to_pages.append(self._messages.message(model.model_id, data))
        if changes:
            self._shown_at = now
            self._show_pause_s = min(SHOW_S + shown / SHOW_BYTES_PER_S, MAX_SHOW_S)
        return changes

    def _sync_outputs(self, model: WidgetModel) -> None:
        """Let the kernel know what an Output widget has captured, as browsers used to do."""
        state = {OUTPUTS: model.state.get(OUTPUTS, [])}
        data = {"method": UPDATE, "state": state, "buffer_paths": []}
        if self._process.link is not None and model.model_id in self.models:
            self.send(model.model_id, data)

    def _check_outputs(self, echo: CommMessage) -> None:
        """Tell the kernel again if it was told something that is not true any more."""
        model = self.models.get(echo.comm_id)
        if model is not None and model.state.get(OUTPUTS) != echo.state[OUTPUTS]:
            self._sync_outputs(model)

    # Telling others

    def _may_skip(self, model_id: str) -> bool:
        model = self.models.get(model_id)
        return model is not None and model.is_of_ipywidgets

    def _emit(self, changes: list[Change]) -> None:
        for change in changes if self._linked else ():
            model = self.models.get(change.model_id)
            if model is not None:
                state = {key: model.state[key] for key in change.keys if key in model.state}
                self._linked.tell(TABLE, change.model_id, state, self._loop.time())
        if changes:
            self.changed.emit(changes)

    # Life of the kernel

    def _begin(self, link: CommLink) -> None:
        """Begin with a process, which may have widgets that nobody has followed."""
        self.models = WidgetModels()
        self._unconfirmed.clear()
        self._linked = self._pages.linked = LinkedFields()
        self._missing = None
        self._messages.session = link.kernel_session
        if self._has_begun:
            self.restarted.emit()
        self._has_begun = True
        link.ask_comms()
        self.on_messages()

    def _on_lost(self) -> None:
        self._look()
        self.lost.emit()

    def _on_ended(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.ended.emit()
