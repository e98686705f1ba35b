"""A page of the stock front end, as the server sees it: a pycrdt document on a room socket."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self

from jupyter_ydoc import YNotebook, YUnicode
from pycrdt import Awareness, Doc, create_awareness_message, write_message, write_var_uint
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from cocalc_jupyter_ext.documents.ysync import (
    EMPTY_UPDATE,
    AwarenessFrame,
    StateVectorFrame,
    UpdateFrame,
    missing_updates_frame,
    parse_frame,
    state_vector_frame,
    update_frame,
)

from .servers import TOKEN, JupyterServer

__all__ = ["RoomClient"]

_SHAPES: dict[str, Callable[[Doc[Any]], Any]] = {"notebook": YNotebook, "file": YUnicode}


class RoomClient:
    """Keeps ``document`` in step with the server while it is connected.

    ``document`` is a ``YNotebook`` or ``YUnicode``; edits of it are sent at once. It may be
    connected again after a disconnect, and then merges, as a browser does.
    """

    def __init__(
        self, server: JupyterServer, path: str, *, kind: str = "notebook", token: str = TOKEN
    ) -> None:
        self._server = server
        self._token = token
        self.path = path
        self.kind = kind
        self.format = "json" if kind == "notebook" else "text"
        self.document = _SHAPES.get(kind, YUnicode)(Doc())
        self.doc: Doc[Any] = self.document.ydoc
        self.awareness = Awareness(self.doc)
        self.session: dict[str, str] = {}
        self.frames = 0
        self.raw: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self._applying = False
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._synced = asyncio.Event()
        self._save_id = 0
        self.doc.observe(self._on_update)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    @property
    def room_id(self) -> str:
        """The room id of the last session."""
        return "{format}:{type}:{fileId}".format(**self.session)

    async def connect(self, *, new_session: bool = True, **options: Any) -> None:
        """Ask for a session and open the socket; returns when the document is loaded."""
        await self.open(new_session=new_session, **options)
        await asyncio.wait_for(self._synced.wait(), 60)

    async def open(self, *, new_session: bool = True, **options: Any) -> None:
        """Ask for a session (or use the last one again) and open the socket."""
        if new_session:
            self.session = await self._server.session(
                self.path, file_format=self.format, file_type=self.kind, token=self._token
            )
        url = self._server.socket_url(
            f"api/collaboration/room/{self.room_id}?sessionId={self.session['sessionId']}",
            self._token,
        )
        self._socket = await connect(url, max_size=None, **options)
        self._synced.clear()
        self._outgoing = asyncio.Queue()
        self.send(state_vector_frame(self.doc.get_state()))
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    async def disconnect(self) -> None:
        """Close the socket; the document stays."""
        if self._socket is not None:
            await self._socket.close()
        await self.ended()

    async def ended(self) -> tuple[int | None, str]:
        """Wait until the socket is closed; return the code and reason of the server."""
        assert self._socket is not None
        await asyncio.wait_for(self._socket.wait_closed(), 60)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return self._socket.close_code, self._socket.close_reason or ""

    def send(self, frame: bytes) -> None:
        """Queue a frame."""
        self._outgoing.put_nowait(frame)

    async def sent(self) -> None:
        """Wait until everything queued was handed to the network."""
        await self._outgoing.join()

    def show(self, **state: Any) -> None:
        """Show this participant's state to the others."""
        self.awareness.set_local_state(state)
        payload = self.awareness.encode_awareness_update([self.doc.client_id])
        self.send(create_awareness_message(payload))

    async def save(self) -> str:
        """Ask the server to save; return its answer's status."""
        self._save_id += 1
        save_id = self._save_id
        self.send(write_var_uint(2) + write_message(b"save") + write_var_uint(save_id))
        await self.until(lambda: any(m.get("responseTo") == save_id for m in self.raw))
        return str(next(m["status"] for m in self.raw if m.get("responseTo") == save_id))

    async def until(self, condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until something that the server sends makes ``condition`` true."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def append_text(self, text: str) -> None:
        """Type at the end of a text document, or of a notebook's first cell."""
        source = self.document.ycells[0]["source"] if self.kind == "notebook" else None
        target = self.doc["source"] if source is None else source
        target += text

    @property
    def text(self) -> str:
        """The text of a text document, or of a notebook's first cell."""
        if self.kind == "notebook":
            return str(self.document.ycells[0]["source"])
        return str(self.doc["source"])

    def _on_update(self, event: Any) -> None:
        if not self._applying and event.update != EMPTY_UPDATE and self._socket is not None:
            self.send(update_frame(event.update))

    async def _write(self) -> None:
        assert self._socket is not None
        while True:
            frame = await self._outgoing.get()
            try:
                await self._socket.send(frame)
            except ConnectionClosed:
                return
            finally:
                self._outgoing.task_done()

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            async for data in self._socket:
                assert isinstance(data, bytes)
                self._receive(data)
        except ConnectionClosed:
            return

    def _receive(self, data: bytes) -> None:
        self.frames += 1
        if data[0] == 2:
            self.raw.append(json.loads(data[data.index(b"{") :]))
        else:
            self._receive_frame(data)
        self.changed.set()

    def _receive_frame(self, data: bytes) -> None:
        match parse_frame(data):
            case StateVectorFrame(state):
                self.send(missing_updates_frame(self.doc.get_update(state)))
            case UpdateFrame(update):
                self._apply(update)
                if data[1] == 1:
                    self._synced.set()
            case AwarenessFrame(payload):
                self.awareness.apply_awareness_update(payload, "server")

    def _apply(self, update: bytes) -> None:
        self._applying = True
        try:
            if update != EMPTY_UPDATE:
                self.doc.apply_update(update)
        finally:
            self._applying = False
