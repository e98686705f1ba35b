"""What a notebook looks like to those who show it (syncdoc-jupyter §15 "Store fields", §4.3)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import RequestTimeout
from cocalc_jupyter_ext.documents.notebook_actions.actions import NotebookActions
from cocalc_jupyter_ext.documents.notebook_actions.errors import UnknownCellError
from cocalc_jupyter_ext.documents.notebook_actions.model import NotebookModel
from cocalc_jupyter_ext.documents.syncdoc.utf16 import string_hash

from ...support.memory_syncdb import MemorySyncDB
from .test_actions import cell


class Shown:
    """A model of one participant, what it told, and another participant who edits."""

    def __init__(self) -> None:
        world = MemorySyncDB(
            {"type": "settings", "kernel": "python3"}, cell("a", 1, "x"), cell("b", 0)
        )
        self.document = world.join("ann")
        self.model = NotebookModel(self.document)
        self.other = NotebookActions(world.join("bob"))
        self.told: list[frozenset[str]] = []
        self.model.changes.connect(self.told.append)

    def set(self, **settings: Any) -> None:
        self.other.document.editable().set({"type": "settings", **settings})
        self.other.document.commit()


@pytest.fixture
async def shown() -> AsyncIterator[Shown]:
    shown = Shown()
    yield shown
    shown.model.close()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_cells_are_in_order_and_their_records_are_the_document_s(shown: Shown) -> None:
    assert shown.model.cell_list == ("b", "a")
    assert list(shown.model.cells.items()) == [("b", cell("b", 0)), ("a", cell("a", 1, "x"))]


async def test_what_has_changed_is_told_by_name_and_only_that(shown: Shown) -> None:
    shown.other.set_cell_input("a", "y")
    await settle()
    assert shown.told == [{"cells"}]
    assert shown.model.cells["a"]["input"] == "y"

    shown.other.move_cell("a", -1)
    shown.other.set_kernel("ir")
    await settle()
    assert shown.told[1:] == [{"cells", "cell_list", "kernel"}]
    assert (shown.model.cell_list, shown.model.kernel) == (("a", "b"), "ir")


async def test_own_actions_are_told_too_and_read_at_once(shown: Shown) -> None:
    own = NotebookActions(shown.document)
    own.set_cell_input("a", "mine")
    assert shown.model.cells["a"]["input"] == "mine"
    await settle()
    assert shown.told == [{"cells"}]


async def test_all_that_the_project_says_of_the_kernel_can_be_read(shown: Shown) -> None:
    model = shown.model
    assert (model.backend_state, model.kernel_error, model.trust, model.metadata) == (
        None,
        "",
        False,
        {},
    )

    usage = {"memory": 1, "cpu": 2}
    shown.set(backend_state="running", kernel_state="busy", kernel_error="oh", kernel_usage=usage)
    shown.set(trust=True, metadata={"x": 1})
    await settle()

    assert (model.backend_state, model.kernel_state, model.kernel_error) == (
        "running",
        "busy",
        "oh",
    )
    assert (model.kernel_usage, model.trust, model.metadata) == (usage, True, {"x": 1})
    (told,) = shown.told
    assert told == {
        "backend_state",
        "kernel_state",
        "kernel_error",
        "kernel_usage",
        "trust",
        "metadata",
    }


async def test_conversion_and_failure_to_load_are_told(shown: Shown) -> None:
    records = shown.other.document.editable()
    records.set({"type": "nbconvert", "state": "run"})
    records.set({"type": "fatal", "error": "no JSON"})
    shown.other.document.commit()
    await settle()

    assert shown.model.nbconvert == {"type": "nbconvert", "state": "run"}
    assert shown.model.fatal == "no JSON"
    assert shown.told == [{"nbconvert", "fatal"}]


async def test_the_record_says_whether_the_file_can_be_written_and_what_it_has(
    shown: Shown,
) -> None:
    model, record = shown.model, shown.document.record
    record.update({"read_only": True})
    await settle()
    assert (model.read_only, shown.told) == (True, [{"read_only"}])

    assert model.has_unsaved_changes
    record.update({"save": {"state": "done", "hash": string_hash(shown.document.text)}})
    assert not model.has_unsaved_changes
    assert not model.has_uncommitted_changes
    shown.document.editable().set({"type": "cell", "id": "a", "input": "typed"})
    assert model.has_uncommitted_changes


async def test_what_only_the_project_knows_is_learned(shown: Shown) -> None:
    """§13 "Kernel list helpers": disabled ones are hidden, deprecated ones are not."""
    model = shown.model
    assert model.kernels is None
    kernels = (
        {"name": "python3", "language": "python"},
        {"name": "pypy", "language": "python"},
        {"name": "odd"},
        {"name": "old", "language": "python", "metadata": {"cocalc": {"priority": -1}}},
        {"name": "off", "language": "python", "metadata": {"cocalc": {"disabled": True}}},
    )
    model.learn(kernels=kernels, kernel_info={"start_time": 7, "banner": ""})
    await settle()

    assert model.kernels == kernels
    assert model.kernels_by_language == {"python": ["python3", "pypy", "old"], "misc": ["odd"]}
    assert model.kernels_by_name["odd"] == {"name": "odd"}
    assert model.start_time == 7
    assert shown.told == [{"kernels", "kernel_info", "start_time"}]


async def test_progress_counts_cells_that_ran_since_the_kernel_runs(shown: Shown) -> None:
    """§4.3: non-blank code cells; 1 with an end, 0.5 without, only while the kernel runs."""
    document = shown.other.document
    for number, times in enumerate([{"start": 5, "end": 6}, {"start": 12, "end": 13}]):
        document.editable().set(cell(f"r{number}", 5 + number, "x", **times))
    document.editable().set(cell("busy", 9, "x", start=11))
    document.editable().set(cell("text", 10, "x", cell_type="markdown", start=20, end=21))
    shown.set(backend_state="ready", last_backend_state=10)
    await settle()
    assert shown.model.run_progress == 0

    shown.set(backend_state="running")
    await settle()
    assert shown.model.run_progress == 100 * 1.5 / 4


async def test_one_can_wait_until_cells_are_done(shown: Shown) -> None:
    own = NotebookActions(shown.document)
    own.run_cells(["a"])
    assert shown.model.is_running("a")
    waiting = asyncio.create_task(shown.model.until_done(["a"], timeout_s=20))
    everything = asyncio.create_task(shown.model.until_done(timeout_s=20))
    await settle()
    assert not waiting.done()

    for state in ("run", "busy"):
        shown.other.document.editable().set({"type": "cell", "id": "a", "state": state})
        shown.other.document.commit()
        await settle()
        assert not waiting.done()
    shown.other.cancel_cells()
    await waiting
    await everything


async def test_waiting_for_a_cell_that_is_deleted_ends_and_waiting_has_a_limit(
    shown: Shown,
) -> None:
    NotebookActions(shown.document).run_cells(["a"])
    with pytest.raises(RequestTimeout):
        await shown.model.until_done(["a"], timeout_s=0.01)

    waiting = asyncio.create_task(shown.model.until_done(["a"], timeout_s=20))
    shown.other.delete_cell("a")
    with pytest.raises(UnknownCellError):
        await waiting


async def test_a_closed_model_tells_nothing(shown: Shown) -> None:
    shown.other.set_cell_input("a", "y")
    shown.model.close()
    shown.model.close()
    await settle()

    assert shown.told == []
