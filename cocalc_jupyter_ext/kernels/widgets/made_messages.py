"""Messages of comms that the server makes for pages, as a kernel would (pure)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from .comm_messages import CommMessage
from .models import WidgetModel

__all__ = ["MessageMaker", "states_answer"]

PROTOCOL: Final = "2.1.0"
"""The version of the widgets' messages."""


class MessageMaker:
    """Makes messages; ``new_id`` gives each its id, ``session`` is that of the kernel's own.

    JupyterLab drops the messages that it has not handled yet when one of another session comes,
    because that means to it that the kernel was restarted.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self.session = ""

    def opening(self, model: WidgetModel) -> CommMessage:
        """Return a message that opens a model in its present state."""
        paths = [list(path) for path in model.buffers]
        content = {
            "comm_id": model.model_id,
            "target_name": model.target,
            "target_module": None,
            "data": {"state": model.state, "buffer_paths": paths},
        }
        buffers = tuple(model.buffers.values())
        if model.opening is not None:
            return replace(model.opening, content=content, buffers=buffers)
        return self.built("comm_open", content, buffers, metadata={"version": PROTOCOL})

    def message(
        self,
        model_id: str,
        data: Mapping[str, Any],
        buffers: tuple[bytes, ...] = (),
        parent: Mapping[str, Any] | None = None,
    ) -> CommMessage:
        """Return a message for an open model, caused by the one with the header ``parent``."""
        content = {"comm_id": model_id, "data": {"buffer_paths": [], **data}}
        return self.built("comm_msg", content, buffers, parent)

    def built(
        self,
        kind: str,
        content: dict[str, Any],
        buffers: tuple[bytes, ...] = (),
        parent: Mapping[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> CommMessage:
        """Return a message of this kind."""
        header = {
            "msg_id": self._new_id(),
            "msg_type": kind,
            "session": self.session,
            "username": "",
            "version": "5.3",
            "date": "",
        }
        parent = dict(parent or {})
        parent_id = str(parent.get("msg_id", ""))
        return CommMessage(parent_id, kind, content, metadata or {}, buffers, header, parent)


def states_answer(models: Iterable[WidgetModel]) -> tuple[dict[str, Any], list[bytes]]:
    """Return the answer to ``request_states``: the data and its binary parts."""
    states: dict[str, Any] = {}
    paths: list[list[str | int]] = []
    buffers: list[bytes] = []
    for model in models:
        states[model.model_id] = {
            "model_name": model.state.get("_model_name", ""),
            "model_module": model.state.get("_model_module", ""),
            "model_module_version": model.state.get("_model_module_version", ""),
            "state": model.state,
        }
        for path, content in model.buffers.items():
            paths.append([model.model_id, "state", *path])
            buffers.append(content)
    return {"method": "update_states", "states": states, "buffer_paths": paths}, buffers
