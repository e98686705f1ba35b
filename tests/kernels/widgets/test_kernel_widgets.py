"""Following the widgets of real kernels."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from cocalc_jupyter_ext.kernels.errors import KernelUnreachableError
from cocalc_jupyter_ext.kernels.widgets.comm_messages import CommMessage
from cocalc_jupyter_ext.kernels.widgets.errors import ModelNotFoundError
from cocalc_jupyter_ext.kernels.widgets.kernel_widgets import KernelWidgets
from cocalc_jupyter_ext.kernels.widgets.models import Change
from tests.support.comm_messages import opened, updated
from tests.support.local_kernels import LocalKernels, local_kernels
from tests.support.scripted_kernel import ScriptedHost

MAKE = "import ipywidgets as w; slider = w.IntSlider(value=7)"


class Page:
    """Keeps what it is told."""

    def __init__(self, session_id: str = "page") -> None:
        self.session_id = session_id
        self.messages: list[CommMessage] = []

    def send(self, message: CommMessage) -> None:
        self.messages.append(message)

    def about(self, model_id: str, method: str) -> list[CommMessage]:
        return [m for m in self.messages if m.comm_id == model_id and m.method == method]


class Followed:
    """A real kernel, code for it, and its widgets."""

    def __init__(self, kernels: LocalKernels, kernel_id: str) -> None:
        self.kernels, self.kernel_id = kernels, kernel_id
        self.widgets = KernelWidgets(kernel_id, kernels, new_id=lambda: uuid.uuid4().hex)
        self.changes: list[Change] = []
        self._heard = asyncio.Event()
        self.client: Any = kernels.manager.get_kernel(kernel_id).client()
        self.client.start_channels()

    async def follow(self) -> None:
        self.widgets.changed.connect(self._on_changes)
        self.widgets.start()
        assert await self.widgets.wait_connected(30)

    def _on_changes(self, changes: list[Change]) -> None:
        self.changes += changes
        self._heard.set()

    async def run(self, code: str) -> None:
        asked = self.client.execute(code)
        async with asyncio.timeout(30):
            while (await self.client.get_shell_msg())["parent_header"].get("msg_id") != asked:
                pass

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self._heard.clear()
                await self._heard.wait()

    def only(self, name: str) -> str:
        (found,) = [
            model.model_id
            for model in self.widgets.models.widgets()
            if model.state["_model_name"] == name
        ]
        return found

    def value(self, model_id: str, key: str = "value") -> Any:
        model = self.widgets.models.get(model_id)
        return None if model is None else model.state.get(key)

    async def close(self) -> None:
        self.client.stop_channels()
        await self.widgets.close()
        await self.widgets.close()


@pytest.fixture
async def followed() -> AsyncIterator[Followed]:
    async with local_kernels() as kernels:  # type: ignore[no-untyped-call]
        followed = Followed(kernels, await kernels.start())
        try:
            yield followed
        finally:
            await followed.close()


async def has_slider(followed: Followed) -> str:
    await followed.until(lambda: any(c.what == "opened" for c in followed.changes))
    await followed.until(
        lambda: any(
            m.state["_model_name"] == "IntSliderModel" for m in followed.widgets.models.widgets()
        )
    )
    return followed.only("IntSliderModel")


async def test_widgets_that_were_made_before_are_asked_for(followed: Followed) -> None:
    await followed.run(MAKE)
    page = Page()
    followed.widgets.join(page)
    await followed.follow()
    slider = await has_slider(followed)
    await followed.until(lambda: followed.widgets.knows_all)
    assert followed.value(slider) == 7
    openings = [m for m in page.messages if m.kind == "comm_open" and m.comm_id == slider]
    assert [m.state["value"] for m in openings] == [7]
    states, _ = followed.widgets.states()
    assert states["states"][slider]["model_name"] == "IntSliderModel"


async def test_a_value_that_the_kernel_refuses_is_put_right_for_everybody(
    followed: Followed,
) -> None:
    await followed.follow()
    await followed.run(MAKE)
    slider = await has_slider(followed)
    page = Page()
    followed.widgets.join(page)
    followed.widgets.send_update(slider, {"value": "no number"})
    await followed.until(lambda: page.about(slider, "update"))
    assert followed.value(slider) == 7
    assert page.about(slider, "update")[-1].state["value"] == 7


async def test_errors_tell_what_is_missing_and_the_end_of_the_kernel_is_told(
    followed: Followed,
) -> None:
    await followed.follow()
    await followed.run(MAKE)
    slider = await has_slider(followed)
    with pytest.raises(ModelNotFoundError, match="Run the cell"):
        followed.widgets.send("none", {})
    ended, lost = asyncio.Event(), asyncio.Event()
    followed.widgets.ended.connect(ended.set)
    followed.widgets.lost.connect(lost.set)
    await followed.kernels.manager.shutdown_kernel(followed.kernel_id, now=True)
    await asyncio.wait_for(ended.wait(), 30)
    assert lost.is_set()
    assert followed.value(slider) == 7  # to look at
    assert not followed.widgets.knows_all
    with pytest.raises(KernelUnreachableError):
        followed.widgets.send_update(slider, {"value": 1})


async def test_a_kernel_without_sockets_is_left_alone_and_nobody_waits_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Gateway(ScriptedHost):  # type: ignore[misc]  # untyped support
        async def connection_info(self, kernel_id: str) -> Any:
            raise KernelUnreachableError(kernel_id, "it runs behind a gateway")

    widgets = KernelWidgets("k", Gateway(), new_id=lambda: "x")  # type: ignore[no-untyped-call]
    widgets.start()
    assert not await widgets.wait_connected(30)
    assert widgets.cannot_follow
    assert not widgets.knows_all
    assert caplog.text.count("cannot be followed") == 1
    await widgets.close()


async def test_what_a_page_opens_is_known_to_others_and_nonsense_is_not(followed: Followed) -> None:
    await followed.follow()
    one, two = Page("one"), Page("two")
    for page in (one, two):
        followed.widgets.join(page)
    message = opened("mine", {"value": 1})
    followed.widgets.from_page(one, message)
    followed.widgets.from_page(one, message)
    followed.widgets.from_page(one, opened("other", target="not a widget"))
    followed.widgets.from_page(one, updated("none", {"value": 1}))
    (told,) = two.messages
    assert (one.messages, told.content) == ([], message.content)
    # That of the page would make JupyterLab drop what it has not handled yet.
    assert told.header["session"] == followed.widgets.kernel_session != ""
    assert "mine" in followed.widgets.models
    assert followed.changes == [Change("opened", "mine")]


async def test_without_echo_a_change_reaches_the_others_when_the_kernel_took_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For kernels that do not repeat what they are told."""
    monkeypatch.setitem(os.environ, "JUPYTER_WIDGETS_ECHO", "0")
    async with local_kernels() as kernels:  # type: ignore[no-untyped-call]
        followed = Followed(kernels, await kernels.start())
        try:
            await followed.follow()
            await followed.run(MAKE)
            slider = await has_slider(followed)
            one, two = Page("one"), Page("two")
            for page in (one, two):
                followed.widgets.join(page)
            sent = updated(slider, {"value": 40})
            header = {"msg_id": "m", "msg_type": "comm_msg", "session": "one"}
            followed.widgets.from_page(one, CommMessage("", sent.kind, sent.content, header=header))
            message = followed.client.session.msg("comm_msg", sent.content)
            message["header"]["msg_id"] = message["msg_id"] = "m"
            followed.client.shell_channel.send(message)
            await followed.until(lambda: followed.value(slider) == 40)
            (echo,) = two.about(slider, "echo_update")
            assert echo.state == {"value": 40}
            assert {m.header["session"] for m in two.messages} == {echo.header["session"]}
            assert one.about(slider, "echo_update") == []
        finally:
            await followed.close()
