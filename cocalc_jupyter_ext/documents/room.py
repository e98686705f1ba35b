"""Rooms: who is connected to a document, and what they tell each other.

A peer is one connection. It hands every frame that it receives to its room; the room applies
updates to the document and sends what others must know. The room of all (``GLOBAL_AWARENESS``)
has no document: it only holds who is there.

Frames of one peer are handled in order, and what goes out keeps the order in which it
became durable. A peer without the right to write is served like any other, but its updates
are not applied.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import Protocol

from .document import Hold, LiveDocument
from .errors import DocumentError, LogWriteError, MalformedFrameError
from .fanout import Fanout
from .presence import Presence
from .ysync import (
    EMPTY_UPDATE,
    KEEP_ALIVE,
    AwarenessFrame,
    AwarenessQuery,
    Frame,
    SaveRequest,
    StateVectorFrame,
    UpdateFrame,
    awareness_frame,
    missing_updates_frame,
    parse_frame,
    save_answer,
    state_vector_frame,
)

__all__ = ["DocumentRoom", "Peer", "PresenceRoom"]

_TRY_LATER = 1013
"""The close code after which the stock front end keeps what it holds and connects again."""

_log = logging.getLogger(__name__)


class Peer(Hashable, Protocol):
    """One connection, as a room sees it; compared by identity."""

    @property
    def name(self) -> str:
        """The name of the authenticated user."""
        ...

    @property
    def can_write(self) -> bool:
        """Whether the user may change documents."""
        ...

    def send(self, frame: bytes) -> None:
        """Queue a frame; must not raise when the connection is closing."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the connection; a reason that is too long for a close frame is shortened."""
        ...


class PresenceRoom:
    """A room in which peers see each other; it answers synchronisation with an empty document."""

    def __init__(self) -> None:
        self._peers: set[Peer] = set()
        self._presence = Presence()
        self._fanout = Fanout(self._peers)

    def __len__(self) -> int:
        return len(self._peers)

    def join(self, peer: Peer) -> None:
        """Let a peer in and tell it who is there."""
        self._peers.add(peer)
        if len(self._presence):
            peer.send(awareness_frame(self._presence.encode_all()))

    def leave(self, peer: Peer) -> None:
        """Let a peer go and tell the others; idempotent."""
        self._peers.discard(peer)
        self.hide(peer)

    def show(self, owner: Hashable, payload: bytes) -> None:
        """Show the states in an awareness update; ``owner`` need not be connected.

        Raises MalformedFrameError.
        """
        news = self._presence.apply(payload, owner)
        if news is not None:
            self._fanout.states(owner, news)

    def hide(self, owner: Hashable) -> None:
        """Take away what an owner shows; idempotent."""
        removal = self._presence.remove_owner(owner)
        if removal is not None:
            self._fanout.states(owner, removal)

    def receive(self, peer: Peer, data: bytes) -> None:
        """Handle one frame; raises MalformedFrameError when it is none."""
        self._handle(peer, parse_frame(data))

    def ask_missing(self, peer: Peer) -> None:
        """Ask a peer for what it has and the room has not; here there is nothing to have."""

    def keep_alive(self) -> None:
        """Send every peer a sign of life: the stock client hangs up after 30 s of silence."""
        for peer in list(self._peers):
            peer.send(KEEP_ALIVE)

    def close(self) -> None:
        """End the room, which must be empty; calling it again does nothing."""
        self._fanout.close()

    def _handle(self, peer: Peer, frame: Frame) -> None:
        match frame:
            case StateVectorFrame():
                peer.send(missing_updates_frame(EMPTY_UPDATE))
            case AwarenessFrame(payload):
                self.show(peer, payload)
            case AwarenessQuery():
                peer.send(awareness_frame(self._presence.encode_all()))
            case _:
                _log.debug("%s sent %s, which has no meaning here", peer.name, type(frame))


class DocumentRoom(PresenceRoom):
    """The people at one document."""

    def __init__(self, document: LiveDocument, hold: Hold) -> None:
        super().__init__()
        self.document = document
        self._hold = hold
        self._autosave = True
        self._saves: dict[Peer, asyncio.Task[None]] = {}
        self._unsubscribe: Callable[[], None] = document.subscribe(self._on_update)
        document.file.autosave_wanted = self._autosave_wanted
        document.on_log_failure = self._on_log_failure

    def join(self, peer: Peer) -> None:
        """Let a peer in, ask for what it has, and tell it who is there."""
        self.ask_missing(peer)
        super().join(peer)

    def ask_missing(self, peer: Peer) -> None:
        """Ask a peer for what it has and the document has not."""
        peer.send(state_vector_frame(self.document.ydoc.ydoc.get_state()))

    def close(self) -> None:
        """Release the document; the room must be empty."""
        super().close()
        self._unsubscribe()
        self._hold.release()

    def _handle(self, peer: Peer, frame: Frame) -> None:
        match frame:
            case StateVectorFrame(state):
                self._answer_missing(peer, state)
            case UpdateFrame(update):
                self._apply(peer, update)
            case SaveRequest(save_id):
                self._save(peer, save_id)
            case _:
                super()._handle(peer, frame)

    def _answer_missing(self, peer: Peer, state: bytes) -> None:
        try:
            update = self.document.ydoc.ydoc.get_update(state)
        except ValueError as error:
            msg = "the state vector cannot be read"
            raise MalformedFrameError(msg) from error
        frame = missing_updates_frame(update)
        # The answer may hold changes that are not durable yet; it waits for them.
        self.document.after_durable(lambda: peer.send(frame))

    def _apply(self, peer: Peer, update: bytes) -> None:
        if peer.can_write:
            self.document.apply(update, origin=peer, author=peer.name)
        elif update != EMPTY_UPDATE:
            _log.debug(
                "%s may only read %s; an update was not applied", peer.name, self.document.path
            )

    def _on_update(self, update: bytes, origin: object) -> None:
        self._fanout.update(origin, update)

    def _on_log_failure(self, error: LogWriteError) -> None:
        # What cannot be made durable must not look accepted: the pages keep their edits, go
        # offline, and come back when the log can be written again.
        for peer in list(self._peers):
            peer.close(_TRY_LATER, str(error))

    def _save(self, peer: Peer, save_id: int) -> None:
        if not peer.can_write:
            peer.send(save_answer(save_id, "failed"))
        elif peer in self._saves:
            peer.send(save_answer(save_id, "skipped"))
        else:
            task = asyncio.create_task(self._save_and_answer(peer, save_id), name="save request")
            self._saves[peer] = task

    async def _save_and_answer(self, peer: Peer, save_id: int) -> None:
        try:
            await self.document.save()
        except DocumentError as error:
            _log.error("%s", error)
            peer.send(save_answer(save_id, "failed"))
        else:
            peer.send(save_answer(save_id, "success"))
        finally:
            self._saves.pop(peer, None)

    def _autosave_wanted(self) -> bool:
        """Whether anybody has autosave on; as it was last, when nobody is there to ask."""
        wishes = [state["autosave"] for state in self._presence.states() if "autosave" in state]
        if wishes:
            self._autosave = any(wish is not False for wish in wishes)
        return self._autosave
