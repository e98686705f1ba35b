"""Where the replies to one client come to, at present (conat-core §10.1, §10.2).

The inbox is opened with the first request and serves all later ones. Its prefix is what the
server permits the client's user, so it is given up when that user is another one after a
reconnect.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from ..errors import Disconnected
from ..protocol.subjects import inbox_prefix
from ..types import MakeId, Pattern
from .inbox import Inbox
from .interests import Interests
from .session import Session, user_from_info
from .subscription import MessageSink

__all__ = ["OwnInbox"]

_ANY_PREFIX: Final = inbox_prefix(None)

Join: TypeAlias = Callable[[Pattern, MessageSink], Awaitable[None]]
"""Subscribes, once there is a connection."""


class OwnInbox:
    """The inbox of one client, if it has one already.

    ``prefix`` is what the inbox begins with; without it, what the server permits. Raises
    ValueError for one that is of no inbox.
    """

    def __init__(
        self,
        session: Session,
        interests: Interests,
        join: Join,
        *,
        prefix: str | None,
        make_id: MakeId,
    ) -> None:
        if prefix is not None and not prefix.startswith(_ANY_PREFIX):
            raise ValueError(
                f"the prefix of an inbox begins with {_ANY_PREFIX}, but this is {prefix!r}"
            )
        self._session = session
        self._interests = interests
        self._join = join
        self._chosen_prefix = prefix
        self._make_id = make_id
        self._inbox: Inbox | None = None

    async def open(self) -> Inbox:
        """Return the inbox, once the server has it; after a reconnect it is restored (§10.2)."""
        if self._inbox is not None and self._is_open_now(self._inbox):
            return self._inbox
        await self._session.wait_until_signed_in()
        if self._inbox is None:
            self._inbox = Inbox(self._prefix, self._make_id)
        inbox = self._inbox
        if not inbox.is_open:
            await self._join(inbox.pattern, inbox)
            inbox.is_open = True
        await self._interests.wait_until_confirmed(inbox.pattern)
        return inbox

    def new_subject(self) -> str:
        """Return a subject beside the inbox, for replies that need a subscription of their own."""
        return f"{self._prefix}.{self._make_id()}.{self._make_id()}"

    def drop_if_foreign(self) -> None:
        """Give up an inbox that belongs to the user we were before a reconnect."""
        inbox = self._inbox
        if inbox is None or inbox.pattern.startswith(self._prefix):
            return
        self._inbox = None
        inbox.end(Disconnected())
        self._interests.leave(inbox.pattern, inbox)

    def _is_open_now(self, inbox: Inbox) -> bool:
        return (
            inbox.is_open
            and self._session.is_signed_in
            and self._interests.is_confirmed(inbox.pattern)
        )

    @property
    def _prefix(self) -> str:
        """The prefix that was chosen, or the one that the server permits our user."""
        info = self._session.info
        if self._chosen_prefix is not None or info is None:
            return self._chosen_prefix or _ANY_PREFIX
        return inbox_prefix(user_from_info(info))
