"""The pages of browsers that follow one kernel: each gets every message about widgets once."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from .comm_messages import ECHO_UPDATE, CommMessage
from .linked_fields import LinkedFields
from .made_messages import MessageMaker
from .models import WidgetModel

__all__ = ["Page", "Pages"]

MAX_LEFT: Final = 100


class Page(Protocol):
    """A browser that follows the kernel; ``session_id`` is that of its messages."""

    @property
    def session_id(self) -> str:
        """Return the session of the page."""

    def send(self, message: CommMessage) -> None:
        """Pass a message on to the page."""


class Pages:
    """Those who are there, and what those who left knew; ``linked`` learns who is told what."""

    def __init__(self, messages: MessageMaker) -> None:
        self.linked = LinkedFields()
        self._messages = messages
        self._loop = asyncio.get_running_loop()
        self._pages: dict[Page, None] = {}
        self._left: OrderedDict[str, set[str]] = OrderedDict()

    def add(self, page: Page, widgets: Sequence[WidgetModel]) -> None:
        """Begin to tell a page; one that was here before is told first what it missed."""
        self._pages[page] = None
        known = self._left.pop(page.session_id, None)
        if known is not None:
            for message in self._missed(known, widgets):
                page.send(message)

    def remove(self, page: Page, widgets: Iterable[WidgetModel]) -> None:
        """Tell a page nothing more; these are the widgets it knows."""
        if page in self._pages:
            del self._pages[page]
            self._left[page.session_id] = {model.model_id for model in widgets}
            while len(self._left) > MAX_LEFT:
                self._left.popitem(last=False)

    def tell(self, messages: Iterable[CommMessage], but: str | None = None) -> None:
        """Pass messages on to all pages, or to all but those of one session."""
        for message in messages:
            is_echo = message.method == ECHO_UPDATE
            for page in list(self._pages):
                name = page.session_id
                if but is None or name != but:
                    if self.linked and not (is_echo and message.parent_session == name):
                        self.linked.tell(name, message.comm_id, message.state, self._loop.time())
                    page.send(message)

    def _missed(self, known: set[str], widgets: Sequence[WidgetModel]) -> list[CommMessage]:
        """Return what opens and closes widgets, for a page that knows these; states it asks."""
        closed = known - {model.model_id for model in widgets}
        return [
            *(
                self._messages.built("comm_close", {"comm_id": each, "data": {}})
                for each in sorted(closed)
            ),
            *(self._messages.opening(each) for each in widgets if each.model_id not in known),
        ]
