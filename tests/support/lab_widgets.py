"""A page of JupyterLab as its widget manager is: it asks for states and follows the comms."""

import asyncio
import json
import uuid
from typing import Any

from websockets.exceptions import ConnectionClosed

from .kernel_socket import KernelSocket
from .servers import JupyterServer

__all__ = ["LabWidgets"]


class LabWidgets(KernelSocket):
    """Keeps the models of all widgets as the page shows them, and every message it got."""

    def __init__(self, server: JupyterServer, kernel_id: str, session_id: str) -> None:
        super().__init__(server, kernel_id, session_id)
        self.models: dict[str, dict[str, Any]] = {}
        self.messages: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self):
        await super().__aenter__()
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await super().__aexit__(*exc)

    async def restore(self, timeout_s: float = 4.0) -> None:
        """Ask for all states; Lab's manager gives up after four seconds."""
        comm_id = uuid.uuid4().hex
        content = {"comm_id": comm_id, "target_name": "jupyter.widget.control", "data": {}}
        await self.send("comm_open", content)
        asked = await self.send(
            "comm_msg", {"comm_id": comm_id, "data": {"method": "request_states"}}
        )
        await self.until(lambda: self.about(comm_id), timeout_s)
        await self.until_idle(asked)
        await self.send("comm_close", {"comm_id": comm_id, "data": {}})

    async def update(self, model_id: str, **state: Any) -> str:
        """Change fields of a model, as moving a slider does; return the message's id."""
        data = {"method": "update", "state": state, "buffer_paths": []}
        return await self.send("comm_msg", {"comm_id": model_id, "data": data})

    async def click(self, model_id: str) -> str:
        """Click a button."""
        data = {"method": "custom", "content": {"event": "click"}}
        return await self.send("comm_msg", {"comm_id": model_id, "data": data})

    async def until(self, condition, timeout_s: float = 20) -> None:
        """Wait until something holds for what the page got."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    async def until_idle(self, message_id: str) -> None:
        """Wait until the kernel is done with a message."""
        await self.until(
            lambda: any(
                each["parent_header"].get("msg_id") == message_id
                and each["content"].get("execution_state") == "idle"
                for each in self.messages
            )
        )

    def about(self, comm_id: str, method: str | None = None) -> list[dict[str, Any]]:
        """Return the messages of one comm, or those with a method."""
        return [
            each
            for each in self.messages
            if each["content"].get("comm_id") == comm_id
            and (method is None or each["content"]["data"].get("method") == method)
        ]

    def named(self, name: str) -> list[str]:
        """Return the ids of the models of one class."""
        return [key for key, state in self.models.items() if state.get("_model_name") == name]

    def kinds(self) -> set[str]:
        """Return which kinds of messages came."""
        return {each["header"]["msg_type"] for each in self.messages}

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            async for raw in self._socket:
                async with self._changed:
                    self._take(json.loads(raw) if isinstance(raw, str) else _read_binary(raw))
                    self._changed.notify_all()
        except ConnectionClosed:
            async with self._changed:
                self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        kind, content = message["header"]["msg_type"], message["content"]
        data = content.get("data") or {}
        if kind == "comm_open":
            assert content["comm_id"] not in self.models, "a model was opened twice"
            self.models[content["comm_id"]] = _with_buffers(data["state"], data, message["buffers"])
        elif kind == "comm_close":
            self.models.pop(content["comm_id"], None)
        elif kind == "comm_msg" and data.get("method") == "update_states":
            whole = _with_buffers(data["states"], data, message["buffers"])
            for model_id, model in whole.items():
                self.models.setdefault(model_id, {}).update(model["state"])
        elif kind == "comm_msg" and content["comm_id"] in self.models and "state" in data:
            state = _with_buffers(data["state"], data, message["buffers"])
            self.models[content["comm_id"]].update(state)


def _with_buffers(state: Any, data: dict[str, Any], buffers: list[bytes]) -> Any:
    for path, content in zip(data.get("buffer_paths") or [], buffers, strict=True):
        place = state
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = content
    return state


def _read_binary(raw: bytes) -> dict[str, Any]:
    count = int.from_bytes(raw[:4], "big")
    starts = [int.from_bytes(raw[4 * n : 4 * n + 4], "big") for n in range(1, count + 1)]
    parts = [raw[a:b] for a, b in zip(starts, [*starts[1:], len(raw)], strict=True)]
    return {**json.loads(parts[0]), "buffers": parts[1:]}
