"""What the server answers to the widget manager of a page (reference jupyterlab-rtc §6)."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from cocalc_jupyter_ext.kernels.widgets.kernel_widgets import KernelWidgets
from cocalc_jupyter_ext.server.page_messages import PageMessage
from cocalc_jupyter_ext.server.widget_page import MAX_UNSENT_BYTES, WidgetPage
from tests.support.comm_messages import captured, opened, updated
from tests.support.scripted_kernel import ScriptedHost


class Known(KernelWidgets):
    """Widgets that are known without a kernel."""

    knows_all = True  # type: ignore[assignment]  # a property there


class World:
    """One page and what it gets."""

    def __init__(self) -> None:
        self.widgets = Known("k", ScriptedHost(), new_id=lambda: "id")  # type: ignore[no-untyped-call]
        self.written: list[PageMessage] = []
        self.ended: list[str] = []
        self.busy = False
        self.reads = asyncio.Event()
        self.reads.set()
        self.page = WidgetPage(
            self.widgets,
            "page",
            write=self._write,
            hang_up=self.ended.append,
            is_busy=lambda: self.busy,
            new_id=lambda: "new",
        )

    def _write(self, message: PageMessage) -> tuple[int, Any]:
        self.written.append(message)
        return sum(map(len, message.buffers)), self.reads.wait()

    def ask(self, kind: str, channel: str = "shell", **content: Any) -> bool:
        header = {"msg_id": "asked", "msg_type": kind, "session": "page"}
        return self.page.takes(PageMessage(channel, header, content))

    def control(self) -> bool:
        return self.ask("comm_open", comm_id="c", target_name="jupyter.widget.control")

    def kinds(self) -> list[str]:
        return [str(m.content.get("execution_state", m.kind)) for m in self.written]


@pytest.fixture
async def world() -> World:
    return World()


async def test_all_states_are_told_with_their_binary_parts_as_the_kernel_would(
    world: World,
) -> None:
    world.widgets.models.apply(opened("m", {"value": 1}, {("b",): b"x"}))
    assert world.control()
    assert world.ask("comm_msg", comm_id="c", data={"method": "request_states"})
    answer = world.written[3]
    assert world.kinds() == ["busy", "idle", "busy", "comm_msg", "idle"]
    assert all(message.parent["msg_id"] == "asked" for message in world.written)
    data = answer.content["data"]
    assert data["method"] == "update_states"
    assert data["states"]["m"]["model_name"] == "M"
    assert data["states"]["m"]["state"]["value"] == 1
    assert (data["buffer_paths"], answer.buffers) == ([["m", "state", "b"]], (b"x",))
    assert world.ask("comm_close", comm_id="c", data={})
    assert not world.ask("comm_msg", comm_id="c", data={"method": "request_states"})


async def test_a_busy_kernel_looks_busy_again_after_the_answer(world: World) -> None:
    world.busy = True
    assert world.ask("comm_info_request", target_name="jupyter.widget")
    assert world.kinds() == ["busy", "comm_info_reply", "idle", "busy"]
    assert world.written[1].content == {"status": "ok", "comms": {}}
    assert world.written[-1].parent == {}


async def test_questions_about_what_is_not_known_go_to_the_kernel(world: World) -> None:
    assert not world.ask("comm_info_request", target_name="other")
    assert not world.ask("comm_info_request")
    Known.knows_all = False  # type: ignore[assignment]
    try:
        assert not world.control()
        assert not world.ask("comm_msg", comm_id="c", data={"method": "request_states"})
        assert not world.ask("comm_info_request", target_name="jupyter.widget")
    finally:
        Known.knows_all = True  # type: ignore[assignment]
    assert world.written == []


async def test_who_asks_whether_it_has_all_messages_has_them_before_the_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def catch_up() -> None:
        world.page.send(replace(opened("m"), header={"msg_type": "comm_open"}))

    monkeypatch.setattr(world.widgets, "catch_up", catch_up)
    assert world.ask("comm_info_request", target_name="cocalc.widgets.caught-up")
    assert world.kinds() == ["comm_open", "busy", "comm_info_reply", "idle"]
    assert world.written[2].content == {"status": "ok", "comms": {}}


async def test_other_messages_pass_and_those_without_an_id_are_dropped(world: World) -> None:
    assert not world.ask("execute_request", code="1")
    assert not world.ask("comm_msg", "control", comm_id="m")
    assert not world.ask("comm_msg", comm_id="m", data={"method": "update", "state": {}})
    assert world.ask("comm_msg", comm_id=5)
    assert world.control()
    assert world.ask("comm_msg", comm_id="c", data={"method": "unheard"})


async def test_what_is_captured_does_not_go_its_usual_way(world: World) -> None:
    """syncdoc-jupyter §8.4."""

    def leaves_out(message: Any) -> bool:
        return world.page.leaves_out(
            message.kind, lambda: message.parent_id, lambda: message.content
        )

    assert not leaves_out(captured("stream", text="x"))
    assert leaves_out(updated("out", {"msg_id": "run"}))
    assert leaves_out(captured("stream", text="x"))
    assert leaves_out(captured("display_data", data={}))
    assert not leaves_out(captured("stream", parent="other", text="x"))
    assert not leaves_out(captured("status", execution_state="idle"))
    assert not leaves_out(captured("stream", text="x"))
    world.widgets._process.cannot_follow = True
    assert not leaves_out(updated("out", {"value": 1}))


async def test_a_page_that_does_not_read_is_told_to_come_back(world: World) -> None:
    world.reads.clear()
    picture = updated("m", {}, {("b",): bytes(MAX_UNSENT_BYTES // 4)})
    for _ in range(5):
        world.page.send(picture)
    assert len(world.ended) == 1
    assert "too slowly" in world.ended[0]
    world.reads.set()


async def test_a_page_that_reads_may_get_more_than_that_in_all(world: World) -> None:
    picture = updated("m", {}, {("b",): bytes(MAX_UNSENT_BYTES // 4)})
    for _ in range(8):
        world.page.send(picture)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert world.ended == []
