"""The rooms of a server: the room of all, and one per document somebody is connected to."""

import asyncio

from ..conat.signals import Signal
from .errors import LogWriteError
from .registry import DocumentRegistry
from .room import DocumentRoom, Peer, PresenceRoom
from .room_ids import GLOBAL_AWARENESS, RoomId

__all__ = ["Rooms"]


class Rooms:
    """Lets peers into rooms; a document's room exists while somebody is in it.

    ``opened`` tells of the room of a document somebody has come to.
    """

    def __init__(self, documents: DocumentRegistry, keep_alive_s: float = 15.0) -> None:
        self.opened: Signal[[DocumentRoom]] = Signal("opening of a room")
        self._documents = documents
        self._keep_alive_s = keep_alive_s
        self._global = PresenceRoom()
        self._rooms: dict[RoomId, DocumentRoom] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send signs of life."""
        self._task = asyncio.create_task(self._keep_alive(), name="room keep-alive")

    async def stop(self) -> None:
        """End the signs of life; idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._global.close()

    async def join(self, name: str, peer: Peer) -> PresenceRoom:
        """Let a peer into the room of this name, opening its document if need be.

        Raises DocumentError.
        """
        if name == GLOBAL_AWARENESS:
            self._global.join(peer)
            return self._global
        room_id = RoomId.parse(name)
        document, hold = await self._documents.acquire(room_id, "people")
        if document.log_failure is not None:
            hold.release()
            raise LogWriteError(document.log_failure.problem)
        room = self._rooms.get(room_id)
        if room is None:
            room = self._rooms[room_id] = DocumentRoom(document, hold)
            room.join(peer)
            self.opened.emit(room)
        else:
            hold.release()
            room.join(peer)
        return room

    def find(self, room_id: RoomId) -> DocumentRoom | None:
        """Return the room of a document, or None while nobody is connected to it."""
        return self._rooms.get(room_id)

    def leave(self, room: PresenceRoom, peer: Peer) -> None:
        """Let a peer go; the last one closes a document's room. Idempotent."""
        room.leave(peer)
        if isinstance(room, DocumentRoom) and not len(room):
            if self._rooms.get(room.document.room_id) is room:
                del self._rooms[room.document.room_id]
            room.close()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._keep_alive_s)
            for room in [self._global, *self._rooms.values()]:
                room.keep_alive()
