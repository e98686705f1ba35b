"""What CoCalc clients may ask about widgets (syncdoc-jupyter §4.9)."""

import base64
from types import SimpleNamespace
from typing import Any

import pytest

from cocalc_jupyter_ext.kernels.errors import KernelNotFoundError
from cocalc_jupyter_ext.kernels.widgets.errors import (
    BufferNotFoundError,
    ModelNotFoundError,
    WidgetMessageError,
)
from cocalc_jupyter_ext.kernels.widgets.models import WidgetModels
from cocalc_jupyter_ext.kernels.widgets.records import blob_id
from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.widget_api import WidgetApi
from tests.support.comm_messages import custom, opened

X = base64.b64encode(b"x").decode()


class Asked:
    """An API over models without a kernel; keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.models = WidgetModels()
        self.models.apply(opened("m", {"value": [{}]}, {("value", 0, "content"): b"file"}))
        self.models.apply(custom("m", {}, b"jump"))
        self.api = WidgetApi(self._find)

    async def _find(self) -> Any:
        return SimpleNamespace(
            models=self.models,
            send=lambda *args: self.sent.append(args),
            send_update=lambda *args, msg_id: self.sent.append((*args, msg_id)),
        )


@pytest.fixture
def asked() -> Asked:
    return Asked()


async def test_an_update_goes_with_its_binary_parts(asked: Asked) -> None:
    data = {"method": "update", "state": {"a": 1}, "buffer_paths": [["b"]]}
    options = {"msg_id": "i", "comm_id": "m", "data": data, "buffers64": [X]}
    assert await asked.api.functions()["comm"](options) is None
    assert asked.sent == [("m", {"a": 1}, {("b",): b"x"}, "i")]


async def test_binary_parts_may_come_as_they_are(asked: Asked) -> None:
    """hub-project-api §3.6: ``buffers`` instead of ``buffers64``."""
    data = {"method": "custom", "content": {}}
    await asked.api.comm({"comm_id": "m", "data": data, "buffers": [b"x"]})
    assert asked.sent == [("m", data, [b"x"], None)]


async def test_other_messages_go_as_they_are(asked: Asked) -> None:
    data = {"method": "custom", "content": {"event": "click"}}
    await asked.api.comm({"comm_id": "m", "data": data, "buffers64": [X]})
    assert asked.sent == [("m", data, [b"x"], None)]


@pytest.mark.parametrize(
    "options",
    [
        {"data": 5},
        {"data": None},
        {"data": {}, "buffers64": "x"},
        {"data": {}, "buffers64": [5]},
        {"data": {}, "buffers64": ["not base64"]},
        {"data": {}, "buffers": b"x"},
        {"data": {}, "buffers": ["x"]},
        {"data": {}, "msg_id": 5},
        {"data": {}, "msg_id": "x" * 1_000},
    ],
)
async def test_a_message_that_is_none_is_refused(asked: Asked, options: dict[str, Any]) -> None:
    with pytest.raises(WidgetMessageError):
        await asked.api.comm({"comm_id": "m", **options})
    assert asked.sent == []


@pytest.mark.parametrize("options", [None, [], "m", {}, {"comm_id": 5, "data": {}}])
async def test_arguments_of_the_wrong_kind_are_refused(asked: Asked, options: object) -> None:
    with pytest.raises(ApiError):
        await asked.api.comm(options)
    with pytest.raises(ApiError):
        await asked.api.get_buffer(options)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ('["value",0,"content"]', b"file"),
        (["value", 0, "content"], b"file"),
        (blob_id(b"jump"), b"jump"),
    ],
)
async def test_binary_data_is_found_by_place_and_by_hash(
    asked: Asked, path: object, content: bytes
) -> None:
    found = await asked.api.functions()["ipywidgetsGetBuffer"](
        {"model_id": "m", "buffer_path": path}
    )
    assert found == {"buffer64": base64.b64encode(content).decode()}


async def test_what_is_not_there_is_told(asked: Asked) -> None:
    with pytest.raises(BufferNotFoundError, match="no binary data at"):
        await asked.api.get_buffer({"model_id": "m", "buffer_path": '["other"]'})
    with pytest.raises(ModelNotFoundError, match='no widget "n"'):
        await asked.api.get_buffer({"model_id": "n", "buffer_path": '["value"]'})

    async def no_kernel() -> Any:
        raise KernelNotFoundError("a.ipynb")

    with pytest.raises(KernelNotFoundError):
        await WidgetApi(no_kernel).comm({"comm_id": "m", "data": {}})
