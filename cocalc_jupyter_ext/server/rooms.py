"""The room protocol of the stock front end (reference jupyterlab-rtc §3).

``PUT api/collaboration/session/<path>`` names the room of a path; the websocket
``api/collaboration/room/<room id>`` carries its frames. The handlers authenticate, check rights,
and pass bytes; ``documents/room.py`` knows what they mean.

Rights: "read" on "contents" to be in a room, "write" for changes to be applied; both are asked
again while a page is connected, see ``rights.py``. The origin is checked like for Jupyter's own
websockets. The session id is the epoch of the document, see ``LogMeta``: a page that comes back
with another history must not be merged.
"""

from dataclasses import dataclass, field
from typing import Any

from jupyter_server._tz import utcnow
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import ensure_async
from pycrdt import YMessageType
from tornado.web import HTTPError, authenticated
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ..documents.errors import (
    DocumentClosedError,
    DocumentError,
    FileMissingError,
    InvalidRoomIdError,
    LogBusyError,
    MalformedFrameError,
)
from ..documents.registry import DocumentRegistry
from ..documents.room import DocumentRoom, PresenceRoom
from ..documents.room_ids import RoomId
from ..documents.rooms import Rooms
from .api_paths import normal_path
from .author_names import AuthorNames
from .event_emitter import EventEmitter
from .hidden_files import is_hidden_from_pages
from .path_rooms import PathRooms
from .refusals import NOT_READABLE, OTHER_HISTORY, REVOKED, Closing, Refusals, shorten
from .rights import EDIT, VIEW, is_allowed
from .settings import RoomSettings

__all__ = ["RoomHandler", "RoomServices", "SessionHandler", "UnsupportedHandler", "handlers"]

_GOING_AWAY = 1001
_PROTOCOL_ERROR = 1002
_TRY_LATER = 1013
_RESOURCE = "contents"
_SYNC = bytes([YMessageType.SYNC])


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomServices:
    """What the handlers call."""

    documents: DocumentRegistry
    rooms: Rooms
    paths: PathRooms
    events: EventEmitter
    settings: RoomSettings
    authors: AuthorNames
    refusals: Refusals = field(default_factory=Refusals)


class _Authorized(JupyterHandler):
    """A handler that asks the authorizer about documents."""

    async def require_view(self) -> None:
        """Refuse a user who may not see documents; raises HTTPError 403."""
        if not await is_allowed(self, VIEW):
            raise HTTPError(403, "You may not read documents of this project.")


class SessionHandler(_Authorized, APIHandler):
    """``PUT api/collaboration/session/<path>``: which room belongs to a path."""

    auth_resource = _RESOURCE

    def initialize(self, services: RoomServices) -> None:
        """Take what the handler calls."""
        self._services = services

    @authenticated
    async def put(self, path: str) -> None:
        """Answer ``{format, type, fileId, sessionId}``: 200, or 201 when the id is new.

        400 for a body without a usable format and type, or a name that no document can have, 403,
        404 when there is no file.
        """
        await self.require_view()
        form, kind = self._wanted()
        contents: Any = self.contents_manager  # its classes are untyped
        if not await ensure_async(
            contents.file_exists(normal_path(path))
        ) or await is_hidden_from_pages(contents, normal_path(path)):
            raise HTTPError(404, f"{path}: there is no such file")
        known = self._services.paths.is_known(path)
        try:
            room_id = self._services.paths.room_of(path, file_format=form, file_type=kind)
        except InvalidRoomIdError as error:
            raise HTTPError(400, f"no document of format {form!r} and type {kind!r}") from error
        except FileMissingError as error:
            raise HTTPError(404, str(error)) from error
        except DocumentError as error:
            raise HTTPError(400, str(error)) from error
        session_id = await self._session_id(room_id)
        self.set_status(200 if known else 201)
        self.finish(
            {
                "format": room_id.format,
                "type": room_id.type,
                "fileId": room_id.file_id,
                "sessionId": session_id,
            }
        )

    def _wanted(self) -> tuple[str, str]:
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise HTTPError(400, 'The body must be {"format": ..., "type": ...}.')
        return str(body.get("format")), str(body.get("type"))

    async def _session_id(self, room_id: RoomId) -> str:
        """Return the epoch; a document that cannot be opened is refused at its socket."""
        try:
            return (await self._services.documents.open(room_id)).epoch
        except DocumentError as error:
            self.log.warning("%s", error)
            return self._services.refusals.new_session()


class RoomHandler(WebSocketMixin, WebSocketHandler, _Authorized):
    """The websocket of one peer in one room."""

    auth_resource = _RESOURCE

    def initialize(self, services: RoomServices) -> None:
        """Take what the handler calls."""
        self._services = services
        self._room: PresenceRoom | None = None
        self._unsent_bytes = 0
        self._closing = False
        self.name = ""
        self.can_write = False

    @property
    def max_message_size(self) -> int:
        """The largest frame that is accepted, in bytes."""
        return self._services.settings.max_message_bytes

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Upgrade to a websocket; 403 for users who may not read."""
        await self.require_view()
        self.name = self.current_user.username
        self._services.authors.note(self.name, self.current_user.display_name)
        self.can_write = await is_allowed(self, EDIT)
        await super().get(*args, **kwargs)

    async def open(self, room_name: str) -> None:
        """Join the room; frames are delivered after this returns."""
        super().open(room_name)
        self.set_nodelay(True)
        session_id = self.get_argument("sessionId", "")
        try:
            await self._require_shown(room_name)
            room = await self._services.rooms.join(room_name, self)
        except DocumentError as error:
            self.log.warning("%s", error)
            self._end(self._services.refusals.closing(error, session_id, room_name))
            return
        self._enter(room, room_name, session_id)

    async def _require_shown(self, room_name: str) -> None:
        """Refuse the room of a hidden file, which CoCalc clients may have open."""
        path = self._services.paths.path_of(room_name)
        if path is not None and await is_hidden_from_pages(self.contents_manager, path):
            raise FileMissingError(path)

    def _enter(self, room: PresenceRoom, room_name: str, session_id: str) -> None:
        self._room = room
        self._services.events.joined(room_name, self.name)
        if self.ws_connection is None or self._closing:  # it ended while the document was opened
            self._leave()
        elif (
            isinstance(room, DocumentRoom)
            and Refusals.holds_history(session_id)
            and session_id != room.document.epoch
        ):
            self._end(OTHER_HISTORY)

    def on_message(self, message: str | bytes) -> None:
        """Hand one frame to the room; a frame that is none ends this connection only."""
        if self._room is None or self._closing:
            return
        try:
            # A text frame holds no frame of the protocol, so it is refused like rubbish.
            self._room.receive(self, message if isinstance(message, bytes) else b"")
            self._note_activity(message)
        except MalformedFrameError as error:
            self.log.warning("%s in %s: %s", self.name, self.request.path, error)
            self.close(_PROTOCOL_ERROR, str(error))
        except DocumentClosedError as error:
            self.close(_GOING_AWAY, str(error))
        except LogBusyError as error:
            self.close(_TRY_LATER, str(error))

    def on_close(self) -> None:
        """Leave the room."""
        super().on_close()
        self._leave()

    def send(self, frame: bytes) -> None:
        """Queue a frame; a peer that does not read is disconnected instead of filling memory."""
        if self._closing or self.ws_connection is None:
            return
        if self._unsent_bytes > self._services.settings.max_unsent_bytes:
            self.log.warning("%s does not read what it is sent; disconnected", self.name)
            self.close(_TRY_LATER, "you are reading too slowly")
            return
        try:
            written = self.write_message(frame, binary=True)
        except WebSocketClosedError:
            return
        self._unsent_bytes += len(frame)
        written.add_done_callback(lambda future: self._written(future, len(frame)))

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """End the connection; idempotent. Nothing is read or sent any more."""
        if not self._closing:
            self._closing = True
            self._leave()
            super().close(code, None if reason is None else shorten(reason))

    async def check_rights(self) -> None:
        """Go on with the rights that the user has now; end when reading is none of them."""
        if self.ws_connection is None or self._closing:
            return
        if not await is_allowed(self, VIEW):
            self._end(NOT_READABLE)
            return
        could_write, self.can_write = self.can_write, await is_allowed(self, EDIT)
        if self.can_write and not could_write and self._room is not None:
            # What was typed before was not taken, and what follows builds upon it.
            self._room.ask_missing(self)

    def close_revoked(self) -> None:
        """End the connection of a user who lost the right to be here."""
        self._end(REVOKED)

    def _note_activity(self, message: str | bytes) -> None:
        """Count typing as activity, so that no idle culler stops a server in use.

        Awareness does not count: an abandoned page renews it forever.
        """
        if message[:1] == _SYNC:
            self.settings["last_activity_times"]["cocalc_documents"] = utcnow()

    def _end(self, closing: Closing) -> None:
        self.close(closing.code, closing.reason)

    def _leave(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            self._services.rooms.leave(room, self)
            self._services.events.left(self.request.path.rsplit("/", 1)[-1], self.name)

    def _written(self, future: Any, size: int) -> None:
        self._unsent_bytes -= size
        if not future.cancelled() and future.exception() is not None:
            self.log.debug("a frame was not sent: %s", future.exception())


class UnsupportedHandler(_Authorized, APIHandler):
    """Parts of the stock protocol that are not offered: a clear answer instead of a 404."""

    auth_resource = _RESOURCE

    def initialize(self, feature: str) -> None:
        """Take the name of what is missing."""
        self._feature = feature

    @authenticated
    async def _refuse(self, *_: str) -> None:
        await self.require_view()
        raise HTTPError(501, f"{self._feature} is not supported by cocalc-jupyter")

    get = put = delete = _refuse


def handlers(services: RoomServices) -> list[tuple[str, type[JupyterHandler], dict[str, Any]]]:
    """Return the routes, relative to the base URL."""
    return [
        ("api/collaboration/session/(.*)", SessionHandler, {"services": services}),
        ("api/collaboration/room/(.*)", RoomHandler, {"services": services}),
        ("api/collaboration/timeline/(.*)", UnsupportedHandler, {"feature": "The timeline"}),
        ("api/collaboration/undo_redo/(.*)", UnsupportedHandler, {"feature": "Timeline undo"}),
        ("api/collaboration/fork/(.*)", UnsupportedHandler, {"feature": "A suggestion fork"}),
    ]
