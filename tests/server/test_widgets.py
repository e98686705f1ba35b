"""The widgets of open notebooks: which kernel, what leaves the table, what the notebook keeps."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_events import EventLogger
from pycrdt import Array, Map

from cocalc_jupyter_ext.conat.sync.opening import open_dkv
from cocalc_jupyter_ext.documents.room_ids import RoomId
from cocalc_jupyter_ext.documents.syncdoc.coordination import string_id
from cocalc_jupyter_ext.kernels.errors import KernelNotFoundError
from cocalc_jupyter_ext.kernels.widgets import notebook_state
from cocalc_jupyter_ext.kernels.widgets.records import VIEW_MIME
from cocalc_jupyter_ext.kernels.widgets.saved_state import STATE_MIME
from cocalc_jupyter_ext.server import widgets as server_widgets
from cocalc_jupyter_ext.server.event_emitter import SESSION_SCHEMA
from cocalc_jupyter_ext.server.widgets import ServerWidgets
from tests.support.local_kernels import LocalKernels, local_kernels
from tests.support.memory_document import MemoryDocument
from tests.support.persist import persist_world
from tests.support.waiting import until

PROJECT = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
MAKE = "import ipywidgets as w; shown, unseen = w.Text(value='a'), w.Text(value='b')"


class Notebook(MemoryDocument):
    """An open notebook without log and file."""

    path = "a.ipynb"

    def __init__(self) -> None:
        super().__init__("cell")  # type: ignore[no-untyped-call]
        self.room_id = RoomId("json", "notebook", "id")
        self.file = SimpleNamespace(before_write=lambda: None)
        self._listeners: list[Callable[..., None]] = []

    def subscribe(self, listener: Callable[..., None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def show(self, *model_ids: str) -> None:
        views = [Map({"data": {VIEW_MIME: {"model_id": model_id}}}) for model_id in model_ids]
        self.ydoc.ycells[0]["outputs"] = Array(views)
        for listener in self._listeners:
            listener(b"", None)


class World:
    """A kernel that the notebook may have, the server's part, and the records."""

    def __init__(self, kernels: LocalKernels) -> None:
        self.kernels = kernels
        self.kernel_id: str | None = None
        self.events = EventLogger()
        self.server = ServerWidgets(kernels, self.events)
        self.live = Notebook()
        self.records: Any = None

    async def find(self, _path: str) -> str | None:
        return self.kernel_id

    async def start_kernel(self) -> Any:
        self.kernel_id = await self.kernels.start()
        client = self.kernels.manager.get_kernel(self.kernel_id).client()
        client.start_channels()
        widgets = self.server.of(self.kernel_id)
        assert widgets is not None
        assert await widgets.wait_connected(30)
        return client

    def texts(self) -> dict[str, str]:
        """Return the ids of the records' models by their values."""
        return {
            record["data"]["value"]: record["model_id"]
            for record in self.records.get_all().values()
            if record["type"] == "state"
            and (record["data"] or {}).get("_model_name") == "TextModel"
        }


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(server_widgets, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(server_widgets, "COLLECT_AFTER_S", 0.5)
    async with local_kernels() as kernels, persist_world(tmp_path) as persist:  # type: ignore[no-untyped-call]
        client = await persist.client()
        world = World(kernels)
        await world.server.start()
        name = string_id(PROJECT, ".a.ipynb.sage-jupyter2")
        world.records = await open_dkv(
            client, name=f"ipywidgets:{name}", project_id=PROJECT, ephemeral=True, cached=False
        )
        companion = world.server.companion(client, PROJECT, world)
        notebook = companion(world.live, None)  # type: ignore[arg-type]  # all that is used of it
        assert notebook is not None
        yield world
        await notebook.close()
        await notebook.close()
        await world.records.close()
        await world.server.stop()


async def test_what_nothing_shows_leaves_the_table_after_a_rest_and_comes_back(
    world: World,
) -> None:
    """syncdoc-jupyter §8.5."""
    client = await world.start_kernel()
    client.execute(MAKE)
    await until(lambda: len(world.texts()) == 2)
    ids = world.texts()
    world.live.show(ids["a"])
    await until(lambda: set(world.texts()) == {"a"})
    world.live.show(ids["a"], ids["b"])
    await until(lambda: set(world.texts()) == {"a", "b"})
    client.stop_channels()


async def test_the_notebook_keeps_the_state_when_it_is_saved_and_when_the_kernel_ends(
    world: World,
) -> None:
    def saved(model_id: str) -> Any:
        state = world.live.ydoc.source["metadata"].get("widgets", {}).get(STATE_MIME, {})
        return state.get("state", {}).get(model_id, {}).get("state", {}).get("value")

    client = await world.start_kernel()
    client.execute(MAKE)
    await until(lambda: len(world.texts()) == 2)
    shown = world.texts()["a"]
    world.live.show(shown)
    world.live.file.before_write()
    assert saved(shown) == "a"
    client.execute("shown.value = 'last'")
    widgets = await world.server.of_notebook(world.live)  # type: ignore[arg-type]
    model = widgets.models.get(shown)
    assert model is not None
    await until(lambda: model.state["value"] == "last")
    client.stop_channels()
    await world.kernels.manager.shutdown_kernel(world.kernel_id, now=True)
    await until(lambda: saved(shown) == "last")
    assert set(world.texts()) >= {"a"}  # to look at, until another kernel starts


async def test_everybody_is_told_when_widgets_are_too_large_for_the_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook_state, "MAX_SAVED_BYTES", 10)
    told: list[Any] = []

    async def listen(logger: EventLogger, schema_id: str, data: Any) -> None:
        told.append(data)

    world.events.add_listener(schema_id=SESSION_SCHEMA, listener=listen)
    client = await world.start_kernel()
    client.execute(MAKE)
    await until(lambda: len(world.texts()) == 2)
    world.live.show(world.texts()["a"])
    world.live.file.before_write()
    await until(lambda: told != [])
    client.stop_channels()

    assert (told[0]["path"], told[0]["level"]) == ("a.ipynb", "ERROR")  # what pages show
    assert "too large to be kept in its file" in told[0]["msg"]


async def test_another_kernel_takes_the_place_of_the_first(world: World) -> None:
    first = await world.start_kernel()
    first.execute(MAKE)
    await until(lambda: len(world.texts()) == 2)
    second = await world.start_kernel()
    await until(lambda: not world.texts())
    second.execute("import ipywidgets as w; other = w.Text(value='new')")
    await until(lambda: set(world.texts()) == {"new"})
    for client in (first, second):
        client.stop_channels()


async def test_a_notebook_without_a_kernel_has_no_widgets(world: World) -> None:
    with pytest.raises(KernelNotFoundError):
        await world.server.of_notebook(world.live)  # type: ignore[arg-type]
    assert world.server.of("no kernel") is None
