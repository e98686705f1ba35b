"""What CoCalc clients may ask about the widgets of one notebook (syncdoc-jupyter §4.9, §8.3)."""

import base64
import binascii
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeAlias

from ..kernels.widgets.comm_messages import UPDATE, buffers_by_path, path_text
from ..kernels.widgets.errors import BufferNotFoundError, ModelNotFoundError, WidgetMessageError
from ..kernels.widgets.kernel_widgets import KernelWidgets
from ..kernels.widgets.models import WidgetModel
from ..kernels.widgets.records import blob_id
from .dispatch import ApiError, ApiFunction

__all__ = ["FindWidgets", "WidgetApi"]

MAX_BUFFERS_BYTES: Final = 100_000_000
MAX_ID_CHARS: Final = 200

FindWidgets: TypeAlias = Callable[[], Coroutine[Any, Any, KernelWidgets]]
"""Gives the widgets of the notebook's kernel; raises KernelNotFoundError."""


class WidgetApi:
    """The functions for the widgets of one notebook."""

    def __init__(self, find: FindWidgets) -> None:
        self._find = find

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {"comm": self.comm, "ipywidgetsGetBuffer": self.get_buffer}

    async def comm(self, options: object) -> object:
        """Send a message to a widget in the kernel.

        Raises ApiError, WidgetMessageError, ModelNotFoundError, KernelUnreachableError.
        """
        if not isinstance(options, Mapping) or not isinstance(options.get("comm_id"), str):
            raise ApiError("comm: the argument must be an object with a comm_id")
        data, msg_id = options.get("data"), options.get("msg_id")
        if not isinstance(data, Mapping):
            raise WidgetMessageError("its data is not an object")
        if msg_id is not None and not (isinstance(msg_id, str) and len(msg_id) <= MAX_ID_CHARS):
            raise WidgetMessageError(
                f"its msg_id is not a text of at most {MAX_ID_CHARS} characters"
            )
        buffers = _buffers(options)
        widgets = await self._find()
        state = data.get("state")
        if data.get("method") == UPDATE and isinstance(state, Mapping):
            parts = buffers_by_path(data, buffers)
            widgets.send_update(options["comm_id"], state, parts, msg_id=msg_id)
        else:
            widgets.send(options["comm_id"], data, buffers, msg_id)
        return None

    async def get_buffer(self, options: object) -> object:
        """Return binary data of a widget, by its place in the state or by its hash.

        Raises ApiError, ModelNotFoundError, BufferNotFoundError.
        """
        if not isinstance(options, Mapping):
            raise ApiError("ipywidgetsGetBuffer: the argument must be an object")
        model_id, path = options.get("model_id"), options.get("buffer_path")
        if isinstance(path, list):
            path = path_text(path)
        if not isinstance(model_id, str) or not isinstance(path, str):
            raise ApiError("ipywidgetsGetBuffer: model_id and buffer_path must be texts")
        model = (await self._find()).models.get(model_id)
        if model is None:
            raise ModelNotFoundError(model_id)
        content = _find_buffer(model, path)
        if content is None:
            raise BufferNotFoundError(model_id, path)
        return {"buffer64": base64.b64encode(content).decode()}


def _find_buffer(model: WidgetModel, path: str) -> bytes | None:
    for known, content in model.buffers.items():
        if path_text(known) == path:
            return content
    for content in model.custom.buffers if model.custom is not None else ():
        if blob_id(content) == path:
            return content
    return None


def _buffers(options: Mapping[str, Any]) -> list[bytes]:
    """Return the binary parts, which come as base64 or as they are (hub-project-api §3.6)."""
    encoded, plain = options.get("buffers64"), options.get("buffers")
    if encoded is not None:
        return _decoded(encoded)
    if plain is None:
        return []
    if not isinstance(plain, list) or not all(isinstance(each, bytes) for each in plain):
        raise WidgetMessageError("its buffers is not a list of binary parts")
    _check_size(sum(map(len, plain)))
    return plain


def _decoded(encoded: object) -> list[bytes]:
    """Return buffers that came as base64; raises WidgetMessageError."""
    if not isinstance(encoded, list) or not all(isinstance(each, str) for each in encoded):
        raise WidgetMessageError("its buffers64 is not a list of texts")
    _check_size(sum(map(len, encoded)) * 3 / 4)
    try:
        return [base64.b64decode(each, validate=True) for each in encoded]
    except (binascii.Error, ValueError) as error:
        raise WidgetMessageError("its buffers64 is not valid base64") from error


def _check_size(size: float) -> None:
    if size > MAX_BUFFERS_BYTES:
        limit = MAX_BUFFERS_BYTES // 1_000_000
        raise WidgetMessageError(f"its buffers are larger than {limit} MB together")
