"""Reading and writing the widgets of a live notebook."""

from typing import Any

import pytest
from pycrdt import Array, Map

from cocalc_jupyter_ext.kernels.widgets.models import WidgetModels
from cocalc_jupyter_ext.kernels.widgets.notebook_state import MAX_SAVED_BYTES, NotebookState
from cocalc_jupyter_ext.kernels.widgets.records import VIEW_MIME
from cocalc_jupyter_ext.kernels.widgets.saved_state import STATE_MIME
from tests.support.comm_messages import opened, updated
from tests.support.memory_document import MemoryDocument


@pytest.fixture
def document() -> Any:
    made = MemoryDocument("slider", "print(1)", "# text")  # type: ignore[no-untyped-call]
    view = {"data": {VIEW_MIME: {"model_id": "m"}}, "output_type": "display_data"}
    text = {"output_type": "stream", "name": "stdout", "text": "1"}
    made.ydoc.ycells[0]["outputs"] = Array([Map(view)])
    made.ydoc.ycells[1]["outputs"] = Array([Map(text)])
    return made


@pytest.fixture
def models() -> WidgetModels:
    made = WidgetModels()
    made.apply(opened("m", {"value": 1}))
    return made


def unexpected(words: str) -> None:
    raise AssertionError(words)


def saved(document: Any) -> Any:
    return document.ydoc.source["metadata"].get("widgets")


def test_the_views_in_the_outputs_are_what_is_shown(document: Any) -> None:
    assert NotebookState(document, unexpected).shown() == {"m"}


def test_the_state_is_written_once_for_each_change(document: Any, models: WidgetModels) -> None:
    state = NotebookState(document, unexpected)
    state.store(models.widgets())
    assert saved(document)[STATE_MIME]["state"]["m"]["state"]["value"] == 1
    before = document.transactions
    state.store(models.widgets())
    assert document.transactions == before
    models.apply(updated("m", {"value": 2}))
    state.store(models.widgets())
    assert saved(document)[STATE_MIME]["state"]["m"]["state"]["value"] == 2


def test_a_state_that_nothing_shows_is_removed_and_what_others_keep_there_stays(
    document: Any, models: WidgetModels
) -> None:
    state = NotebookState(document, unexpected)
    state.store(models.widgets())
    document.ydoc.ycells[0]["outputs"].clear()
    state.store(models.widgets())
    assert saved(document) is None
    document.ydoc.ydoc.get("meta", type=Map)["metadata"]["widgets"] = {"other": 5, STATE_MIME: {}}
    state.store(models.widgets())
    assert saved(document) == {"other": 5}


def test_what_others_have_saved_is_not_touched_by_a_kernel_without_widgets(document: Any) -> None:
    NotebookState(document, unexpected).store([])
    foreign = {STATE_MIME: {"version_major": 2, "version_minor": 0, "state": {"x": {}}}}
    document.ydoc.ydoc.get("meta", type=Map)["metadata"]["widgets"] = foreign
    NotebookState(document, unexpected).store([])
    assert (document.transactions, saved(document)) == (0, foreign)


def test_widgets_that_are_too_large_are_left_out_and_it_is_said_once(
    document: Any, models: WidgetModels
) -> None:
    models.apply(updated("m", {"value": "x" * 2 * MAX_SAVED_BYTES}))
    told: list[str] = []
    state = NotebookState(document, told.append)
    state.store(models.widgets())
    state.store(models.widgets())
    assert saved(document) is None
    (words,) = told
    assert "too large to be kept in its file: 20 MB, and at most 10 MB" in words


def test_a_closed_notebook_is_left_alone(document: Any, models: WidgetModels) -> None:
    document.closed = True
    state = NotebookState(document, unexpected)
    state.store(models.widgets())
    assert (state.shown(), document.transactions) == (set(), 0)
