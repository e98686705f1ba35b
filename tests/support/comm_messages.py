"""Messages of comms as a kernel publishes them."""

from typing import Any

from cocalc_jupyter_ext.kernels.widgets.comm_messages import CommMessage, Path

__all__ = ["captured", "closed", "custom", "opened", "updated"]


def opened(
    model_id: str,
    state: dict[str, Any] | None = None,
    buffers: dict[Path, bytes] | None = None,
    *,
    target: str = "jupyter.widget",
    parent: str = "run",
) -> CommMessage:
    state = {"_model_name": "M", "_model_module": "m", **(state or {})}
    data = {"state": state, **_paths(buffers)}
    content = {"comm_id": model_id, "target_name": target, "data": data}
    return CommMessage(parent, "comm_open", content, {}, tuple((buffers or {}).values()))


def updated(
    model_id: str,
    state: dict[str, Any],
    buffers: dict[Path, bytes] | None = None,
    *,
    method: str = "update",
    parent: str = "run",
) -> CommMessage:
    data = {"method": method, "state": state, **_paths(buffers)}
    return _comm_msg(model_id, data, parent, tuple((buffers or {}).values()))


def custom(model_id: str, content: Any, *buffers: bytes) -> CommMessage:
    return _comm_msg(model_id, {"method": "custom", "content": content}, "run", buffers)


def closed(model_id: str) -> CommMessage:
    return CommMessage("run", "comm_close", {"comm_id": model_id, "data": {}})


def captured(kind: str, *, parent: str = "run", **content: Any) -> CommMessage:
    return CommMessage(parent, kind, content)


def _comm_msg(
    model_id: str, data: dict[str, Any], parent: str, buffers: tuple[bytes, ...]
) -> CommMessage:
    return CommMessage(parent, "comm_msg", {"comm_id": model_id, "data": data}, {}, buffers)


def _paths(buffers: dict[Path, bytes] | None) -> dict[str, Any]:
    return {"buffer_paths": [list(path) for path in buffers or {}]}
