"""What CoCalc clients may ask about one notebook (syncdoc-jupyter §4.9)."""

import asyncio
from typing import Any

import pytest

from cocalc_jupyter_ext.kernels.errors import KernelNotFoundError
from cocalc_jupyter_ext.project.dispatch import ApiError, Dispatcher
from cocalc_jupyter_ext.project.notebook_api import (
    MAX_ASKED,
    MAX_STORED,
    NOTEBOOK_FUNCTIONS,
    NotebookApi,
)


class Host:
    """Notes what is asked of the notebook and its kernel."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def kernel_info(self) -> dict[str, Any]:
        return {"implementation": "ipython"}

    async def complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        self.asked.append((code, cursor_pos))
        return {"matches": ["print"]}

    async def inspect(self, code: str, cursor_pos: int, detail_level: int) -> dict[str, Any]:
        self.asked.append((code, cursor_pos, detail_level))
        return {"found": True}

    async def signal(self, name: str) -> None:
        if name == "SIGKILL":
            raise KernelNotFoundError("gone")
        self.asked.append(name)

    async def save(self, version: int | None, timeout_s: float) -> None:
        self.asked.append((version, timeout_s))

    async def more_output(self, cell_id: str) -> list[dict[str, Any]]:
        return [{"name": "stdout", "text": f"more of {cell_id}"}]


@pytest.fixture
def host() -> Host:
    return Host()


async def ask(host: Host, name: str, *args: Any) -> Any:
    api = NotebookApi(host, opened_ms=5)
    return await Dispatcher(api.functions(), NOTEBOOK_FUNCTIONS)({"name": name, "args": [*args]})


async def test_the_kernel_is_described_with_the_time_since_when_the_notebook_is_open(
    host: Host,
) -> None:
    assert await ask(host, "kernel_info") == {
        "implementation": "ipython",
        "nodejs_version": "",
        "start_time": 5,
    }


async def test_completion_asks_at_the_cursor_or_at_the_end(host: Host) -> None:
    assert await ask(host, "complete", {"code": "pri", "cursor_pos": 2}) == {"matches": ["print"]}
    await ask(host, "complete", {"code": "pri"})

    assert host.asked == [("pri", 2), ("pri", 3)]


@pytest.mark.parametrize("options", [None, {}, {"code": ""}, {"code": 5}, "code"])
async def test_code_that_is_empty_or_no_text_is_an_error(host: Host, options: object) -> None:
    with pytest.raises(ApiError, match="code, which is not empty"):
        await ask(host, "complete", options)
    with pytest.raises(ApiError):
        await ask(host, "introspect", options)


async def test_the_level_of_detail_is_0_or_1(host: Host) -> None:
    for level in (0, 1, 7):
        await ask(host, "introspect", {"code": "x", "level": level})

    assert host.asked == [("x", 1, 0), ("x", 1, 1), ("x", 1, 1)]


async def test_a_signal_without_a_kernel_is_no_error(host: Host) -> None:
    assert await ask(host, "signal", "SIGINT") is None
    assert await ask(host, "signal", "SIGKILL") is None
    with pytest.raises(ApiError, match="the name of a signal"):
        await ask(host, "signal", 9)

    assert host.asked == ["SIGINT"]


async def test_saving_waits_for_the_version_of_the_caller(host: Host) -> None:
    await ask(host, "save_ipynb_file", {"version": 17, "timeout": 2000})
    await ask(host, "save_ipynb_file")
    await ask(host, "save_ipynb_file", {"timeout": float("nan")})

    assert host.asked == [(17, 2.0), (None, 15.0), (None, 15.0)]


async def test_values_are_kept_returned_and_forgotten(host: Host) -> None:
    functions = Dispatcher(NotebookApi(host, 0).functions(), NOTEBOOK_FUNCTIONS)

    async def store(**options: Any) -> Any:
        return await functions({"name": "store", "args": [options]})

    await store(key="a", value="secret")
    assert await store(key="a") == "secret"
    await store(key="a", value=None)
    assert await store(key="a") is None
    for number in range(MAX_STORED):
        await store(key=str(number), value=1)
    with pytest.raises(ApiError, match="at most"):
        await store(key="one more", value=1)
    with pytest.raises(ApiError, match="object with a key"):
        await store(value=1)


async def test_what_is_not_there_yet_is_not_called_unknown(host: Host) -> None:
    with pytest.raises(ApiError, match="'comm' is not supported by this server"):
        await ask(host, "comm", {})
    with pytest.raises(ApiError, match="unknown function 'execute'"):
        await ask(host, "execute")


async def test_more_output_is_that_of_a_cell(host: Host) -> None:
    """syncdoc-jupyter §4.6, §4.9."""
    assert await ask(host, "more_output", "a") == [{"name": "stdout", "text": "more of a"}]
    with pytest.raises(ApiError, match="id of a cell"):
        await ask(host, "more_output", 5)


@pytest.mark.parametrize(
    ("position", "asked"), [(-5, 0), (99, 3), (1.0, 1), (1e300, 3), ("1", 3), (True, 3)]
)
async def test_a_cursor_outside_of_the_code_is_at_its_nearest_end(
    host: Host, position: object, asked: int
) -> None:
    """syncdoc-jupyter §4.9: kernels do not answer at all for such a position."""
    await ask(host, "complete", {"code": "pri", "cursor_pos": position})

    assert host.asked == [("pri", asked)]


@pytest.mark.parametrize(("level", "asked"), [(-1, 0), (7, 1), (None, 0), (float("nan"), 0)])
async def test_the_level_of_detail_is_clipped(host: Host, level: object, asked: int) -> None:
    """syncdoc-jupyter §4.9: ``level`` -> detail_level, clipped."""
    await ask(host, "introspect", {"code": "len", "level": level})

    assert host.asked == [("len", 3, asked)]


@pytest.mark.parametrize("options", [{"version": "5"}, {"version": True}, 5])
async def test_saving_for_what_is_no_version_is_refused(host: Host, options: object) -> None:
    with pytest.raises(ApiError, match="save_ipynb_file"):
        await ask(host, "save_ipynb_file", options)

    assert host.asked == []


async def test_open_questions_are_bounded_and_hold_up_no_signal() -> None:
    """syncdoc-jupyter §4.9: an interrupt is no use after the kernel that is busy."""

    class BusyHost(Host):
        async def complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError

    host = BusyHost()
    api = NotebookApi(host, opened_ms=5)
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(api.complete({"code": "x"})) for _ in range(MAX_ASKED)]
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="too many questions to the kernel at once"):
            await api.complete({"code": "x"})
        await api.signal("SIGINT")
        assert host.asked == ["SIGINT"]
        for question in asking:
            question.cancel()
