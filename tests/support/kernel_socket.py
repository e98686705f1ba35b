"""A browser's kernel websocket, with JSON messages (the protocol without a subprotocol)."""

import asyncio
import json
import uuid
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

from .servers import JupyterServer

__all__ = ["KernelSocket"]


class KernelSocket:
    """Sends requests of its own session and keeps every message it gets."""

    def __init__(self, server: JupyterServer, kernel_id: str, session_id: str = "browser") -> None:
        self._url = server.socket_url(f"api/kernels/{kernel_id}/channels?session_id={session_id}")
        self._session_id = session_id
        self.subshell_id: str | None = None
        """The subshell that messages ask for, as JupyterLab's for widgets do."""
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        self._socket = await connect(self._url, max_size=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def execute(self, code: str) -> str:
        """Run code as a console does; return the id of the request."""
        return await self.send("execute_request", {"code": code, "silent": False})

    async def send(self, kind: str, content: dict[str, Any]) -> str:
        """Send a request on the shell channel; return its id."""
        message_id = uuid.uuid4().hex
        header = {
            "msg_id": message_id,
            "msg_type": kind,
            "session": self._session_id,
            "username": "",
            "version": "5.3",
            "date": "2026-01-01T00:00:00Z",
        }
        if self.subshell_id is not None:
            header["subshell_id"] = self.subshell_id
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "buffers": [],
            "channel": "shell",
        }
        assert self._socket is not None
        await self._socket.send(json.dumps(message))
        return message_id

    async def until_reply(self, message_id: str, timeout_s: float = 20) -> list[dict[str, Any]]:
        """Return all messages up to the idle status that ends this request."""
        received: list[dict[str, Any]] = []
        assert self._socket is not None
        async with asyncio.timeout(timeout_s):
            while True:
                message = json.loads(await self._socket.recv())
                received.append(message)
                is_ours = message["parent_header"].get("msg_id") == message_id
                if is_ours and message["content"].get("execution_state") == "idle":
                    return received
