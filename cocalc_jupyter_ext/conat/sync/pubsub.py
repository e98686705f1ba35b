"""Telling others of a project what need not be kept, such as cursors (conat-sync §4.6)."""

import base64
import logging
from typing import Any, Self

from ..client.client import Client
from ..client.subscription import Subscription
from ..errors import CodecError, ConatError, Disconnected
from ..signals import Signal
from ..sockets.tasks import Tasks
from .errors import Closed

__all__ = ["PubSub", "open_pubsub", "pubsub_subject"]

_log = logging.getLogger(__name__)


def pubsub_subject(project_id: str, name: str, path: str | None = None) -> str:
    """Return where something is told, about a file or about the whole project."""
    place = base64.b64encode(path.encode()).decode() if path else "-"
    return f"project.{project_id}.-.pubsub-{name}.{place}"


class PubSub:
    """A place where everybody tells and hears; open it with ``open_pubsub``.

    ``changes`` tells every value, one's own included. Nothing is kept: who comes later, or is
    not connected, has missed it.
    """

    def __init__(self, client: Client, subject: str, heard: Subscription) -> None:
        self.subject = subject
        self.changes: Signal[[Any]] = Signal(f"values on {subject}")
        self.closed: Signal[[]] = Signal(f"closing of {subject}")
        self._client = client
        self._heard = heard
        self._tasks = Tasks(f"pubsub-{subject}")
        self._is_open = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    def start(self) -> None:
        """Begin to listen."""
        self._is_open = True
        self._tasks.spawn("listener", self._listen())

    def set(self, value: Any) -> None:
        """Tell a value to all who listen now; without a connection it is lost.

        Raises CodecError for what cannot be sent, and Closed after closing.
        """
        if not self._is_open:
            raise Closed(self.subject)
        try:
            self._client.publish_sync(self.subject, value)
        except Disconnected:
            _log.debug("a value on '%s' is lost, since there is no connection", self.subject)

    async def close(self) -> None:
        """Stop listening; calling it again does nothing."""
        if not self._is_open:
            return
        self._is_open = False
        self._heard.close()
        self._tasks.cancel_all()
        await self._tasks.wait_until_ended()
        self.closed.emit()
        self.closed.clear()
        self.changes.clear()

    async def _listen(self) -> None:
        try:
            async for message in self._heard:
                try:
                    value = message.data
                except CodecError as error:
                    _log.warning("a value on '%s' cannot be read: %s", self.subject, error)
                else:
                    self.changes.emit(value)
        except ConatError as error:
            _log.error("nothing is heard on '%s' any more: %s", self.subject, error)


async def open_pubsub(
    client: Client, *, project_id: str, name: str, path: str | None = None
) -> PubSub:
    """Listen to what is told in a project; raises what ``Client.subscribe`` raises."""
    subject = pubsub_subject(project_id, name, path)
    pubsub = PubSub(client, subject, await client.subscribe(subject))
    pubsub.start()
    return pubsub
