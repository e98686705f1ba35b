"""The table of a notebook's widgets over real storage; kernels are in the integration tests."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.signals import Signal
from cocalc_jupyter_ext.conat.sync.dkv import DKV
from cocalc_jupyter_ext.kernels.errors import KernelUnreachableError
from cocalc_jupyter_ext.kernels.widgets.comm_messages import CommMessage
from cocalc_jupyter_ext.kernels.widgets.models import WidgetModels
from cocalc_jupyter_ext.kernels.widgets.records import record_key
from cocalc_jupyter_ext.kernels.widgets.table import MAX_RECORD_BYTES, WidgetTable
from tests.support.comm_messages import closed, custom, opened, updated
from tests.support.sync_streams import FaultyStream
from tests.support.waiting import until


class Kernel:
    """Widgets without a kernel: what it is told, and what it says."""

    def __init__(self) -> None:
        self.models = WidgetModels()
        self.changed: Signal[[Any]] = Signal("changed")
        self.restarted: Signal[[]] = Signal("restarted")
        self.sent: list[tuple[str, Any, Any]] = []
        self.is_gone = False

    def say(self, *messages: CommMessage) -> None:
        self.changed.emit([c for m in messages for c in self.models.apply(m)])

    def send_update(self, model_id: str, state: Any, buffers: Any, *, from_table: bool) -> None:
        assert from_table
        if self.is_gone:
            raise KernelUnreachableError("k", "it has ended")
        self.sent.append((model_id, state, buffers))


class World:
    """The project's table, and a CoCalc client with the same records."""

    def __init__(self, records: DKV, theirs: DKV) -> None:
        self.kernel = Kernel()
        self.theirs = theirs
        self.table = WidgetTable(records, "s", lambda: 1_700_000_000_000)
        self.table.follow(self.kernel)  # type: ignore[arg-type]  # all that is used of it

    def data(self, model_id: str, record_type: Any) -> Any:
        record = self.theirs.get(record_key("s", model_id, record_type))
        return None if record is None else record["data"]

    def write(self, model_id: str, data: Any) -> None:
        record = {"string_id": "s", "model_id": model_id, "type": "value", "data": data}
        self.theirs.set(record_key("s", model_id, "value"), record)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    stream = FaultyStream()
    async with stream.dkv(autosave=True) as records, stream.dkv(autosave=True) as theirs:
        world = World(records, theirs)
        yield world
        await world.table.close()


async def test_the_hash_of_binary_data_is_there_before_the_state(world: World) -> None:
    """syncdoc-jupyter §8.2 (3)."""
    seen: list[str] = []
    world.theirs.changes.connect(lambda change: seen.append(change.value["type"]))
    world.kernel.say(opened("m", {"value": None, "n": 1}, {("b",): b"x"}))
    await until(lambda: world.data("m", "state"))
    assert seen == ["buffers", "state"]
    assert "value" not in world.data("m", "state")


async def test_an_update_counts_up_and_what_the_client_wrote_stays(world: World) -> None:
    """syncdoc-jupyter §8.2 (5), §8.3."""
    world.kernel.say(opened("m", {"a": 1, "b": 1}))
    world.kernel.say(updated("m", {"a": 2}))
    await until(lambda: world.data("m", "value") == {"a": 2, "last_changed": 1})
    world.write("m", {"a": 2, "b": 5, "last_changed": 2})
    await until(lambda: world.kernel.sent)
    assert world.kernel.sent == [("m", {"b": 5}, {})]
    world.kernel.models.set("m", {"b": 5})
    world.kernel.say(updated("m", {"a": 3}))
    wanted = {"a": 3, "b": 5, "last_changed": 3}
    await until(lambda: world.data("m", "value") == wanted)
    assert len(world.kernel.sent) == 1


async def test_a_changed_field_takes_its_known_binary_parts_along(world: World) -> None:
    """syncdoc-jupyter §8.3."""
    world.kernel.say(opened("m", {"v": {"x": 1}}, {("v", "data"): b"x", ("w",): b"y"}))
    world.write("m", {"v": {"x": 2}, "last_changed": 1})
    await until(lambda: world.kernel.sent)
    assert world.kernel.sent == [("m", {"v": {"x": 2}}, {("v", "data"): b"x"})]


async def test_what_is_no_value_of_a_widget_is_not_sent(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.kernel.say(opened("m", {"a": 1}))
    world.theirs.set("no key", 1)
    world.theirs.set(record_key("s", "m", "value"), 5)
    world.write("m", "text")
    world.write("none", {"a": 2})
    await until(lambda: "one that" in caplog.text or "is none" in caplog.text)
    world.write("m", {"a": "x" * MAX_RECORD_BYTES})
    await until(lambda: "too large" in caplog.text)
    await until(lambda: world.data("m", "value") == {"last_changed": 1})
    assert world.kernel.sent == []


async def test_a_change_for_a_kernel_that_has_gone_is_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.kernel.say(opened("m", {"a": 1}))
    world.kernel.is_gone = True
    world.write("m", {"a": 2})
    await until(lambda: "does not reach the kernel" in caplog.text)


async def test_the_newest_custom_message_is_told_with_its_time(world: World) -> None:
    """syncdoc-jupyter §8.2 (6)."""
    world.kernel.say(opened("m"), custom("m", {"n": 1}), custom("m", {"n": 2}, b"x"))
    await until(lambda: world.data("m", "message"))
    message = world.data("m", "message")
    assert (message["message"], message["time"]) == ({"n": 2}, 1_700_000_000_000)
    (name,) = message["buffer_hashes"]
    assert world.data("m", "buffers") == {name: name}
    assert world.data("m", "value") is None


async def test_a_new_process_begins_with_nulls(world: World) -> None:
    """syncdoc-jupyter §8.5."""
    world.kernel.say(opened("m", {"a": 1}, {("b",): b"x"}), updated("m", {"a": 2}))
    await until(lambda: world.data("m", "value"))
    world.kernel.restarted.emit()
    await until(lambda: all(r["data"] is None for r in world.theirs.get_all().values()))
    assert len(world.theirs) == 3


async def test_what_nothing_shows_is_nulled_and_comes_back_when_it_is_shown(world: World) -> None:
    """syncdoc-jupyter §8.5."""
    world.kernel.say(
        opened("shown", {"layout": "IPY_MODEL_layout"}),
        opened("layout"),
        opened("unseen", {"a": 1}),
        opened("closed"),
        closed("closed"),
    )
    world.kernel.say(updated("unseen", {"a": 2}))
    await until(lambda: world.data("unseen", "value"))
    world.table.collect({"shown"})
    await until(lambda: world.data("unseen", "state") is None)
    assert world.data("unseen", "value") is None
    assert world.data("closed", "state") is None
    assert world.data("shown", "state")
    assert world.data("layout", "state")
    assert world.table.has_collected

    world.kernel.say(updated("unseen", {"a": 3}))
    world.table.collect({"shown", "unseen"}, only_back=True)
    await until(lambda: world.data("unseen", "value"))
    assert world.data("unseen", "state")["a"] == 1
    assert world.data("unseen", "value")["a"] == 3
    assert not world.table.has_collected


async def test_who_follows_late_writes_all_that_is_there(world: World) -> None:
    other = Kernel()
    other.say(opened("n", {"a": 1}), updated("n", {"a": 2}))
    world.kernel.say(opened("m"))
    world.table.follow(other)  # type: ignore[arg-type]  # all that is used of it
    await until(lambda: world.data("n", "value") == {"a": 2, "last_changed": 1})
    assert world.data("m", "state") is None
    world.kernel.say(opened("too late"))
    await world.table.close()
    assert world.theirs.get(record_key("s", "too late", "state")) is None
