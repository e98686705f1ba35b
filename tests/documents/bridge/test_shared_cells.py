"""The shared types of a notebook are read and edited part by part (SPEC B3 to B5)."""

from collections.abc import Callable
from typing import Any

import pytest
from jupyter_ydoc import YNotebook
from pycrdt import Array, Map, Text, TransactionEvent

from cocalc_jupyter_ext.documents.bridge.shared_cells import (
    edit_cell,
    edit_map,
    insert_cell,
    read_cell,
    read_metadata,
    read_part,
    read_whole_cell,
)
from cocalc_jupyter_ext.documents.merge_values import MISSING

from ...support.notebooks import notebook


def stream(text: Any, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def display(text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}


class Shared:
    """A notebook of one cell whose edits are counted."""

    def __init__(self, **parts: Any) -> None:
        content = notebook("one")
        content["cells"][0].update(parts)
        self.notebook = YNotebook()
        self.notebook.set(content)
        self.cell: Map[Any] = self.notebook.ycells[0]
        self.updates: list[bytes] = []
        self.notebook.ydoc.observe(self._on_update)

    def _on_update(self, event: TransactionEvent) -> None:
        self.updates.append(event.update)

    def edit(self, **parts: Any) -> set[str]:
        """Change parts; those that are ``MISSING`` go."""
        before = read_cell(self.cell)
        after = {name: part for name, part in {**before, **parts}.items() if part is not MISSING}
        with self.notebook.ydoc.transaction():
            return edit_cell(self.cell, before, after)

    @property
    def outputs(self) -> list[Any]:
        found: list[Any] = self.cell["outputs"].to_py()
        return found


# Reading


def test_a_cell_is_read_as_nbformat_has_it() -> None:
    shared = Shared(outputs=[stream("a")], execution_count=3, metadata={"tags": ["x"]})

    assert read_cell(shared.cell) == {
        "cell_type": "code",
        "id": "c0",
        "source": "one",
        "outputs": [stream("a")],
        "execution_count": 3,
        "metadata": {"tags": ["x"]},
    }


def test_only_the_whole_of_a_cell_tells_that_it_runs() -> None:
    shared = Shared()
    shared.cell["execution_state"] = "running"

    assert "execution_state" not in read_cell(shared.cell)
    assert read_whole_cell(shared.cell)["execution_state"] == "running"


@pytest.mark.parametrize("read", [read_cell, read_whole_cell])
def test_whole_numbers_of_browsers_are_whole_numbers(
    read: Callable[[Map[Any]], dict[str, Any]],
) -> None:
    shared = Shared()
    shared.cell["execution_count"] = 7.0
    shared.cell["metadata"]["depth"] = {"level": 2.0, "share": 0.5}

    plain = read(shared.cell)

    assert repr(plain["execution_count"]) == "7"
    assert repr(plain["metadata"]["depth"]["level"]) == "2"
    assert plain["metadata"]["depth"]["share"] == 0.5


def test_each_part_of_a_cell_can_be_read_alone() -> None:
    shared = Shared(outputs=[stream("a")], metadata={"tags": ["x"]})
    shared.cell["execution_count"] = 7.0

    assert read_part(shared.cell, "source") == "one"
    assert read_part(shared.cell, "outputs") == [stream("a")]
    assert read_part(shared.cell, "metadata") == {"tags": ["x"]}
    assert repr(read_part(shared.cell, "execution_count")) == "7"
    assert read_part(shared.cell, "attachments") is MISSING


def test_a_part_that_is_null_is_not_missing() -> None:
    assert read_part(Shared().cell, "execution_count") is None


def test_the_metadata_of_the_notebook_is_read() -> None:
    shared = YNotebook()
    shared.set({**notebook("one"), "metadata": {"kernelspec": {"name": "python3"}}})
    shared.ydoc.get("meta", type=Map)["metadata"]["count"] = 2.0

    assert read_metadata(shared)["kernelspec"] == {"name": "python3"}
    assert repr(read_metadata(shared)["count"]) == "2"


@pytest.mark.parametrize("odd", [None, "text", 5.0])
def test_metadata_of_unknown_shape_count_as_none(odd: Any) -> None:
    shared = YNotebook()
    assert read_metadata(shared) == {}
    shared.ydoc.get("meta", type=Map)["metadata"] = odd

    assert read_metadata(shared) == {}


# Adding


def test_a_new_cell_is_put_into_its_place() -> None:
    shared = Shared()
    cell = {**notebook("two")["cells"][0], "id": "new", "outputs": [stream("a")]}

    inserted = insert_cell(shared.notebook, 0, cell)

    assert [cell["id"] for cell in shared.notebook.ycells] == ["new", "c0"]
    assert read_cell(shared.notebook.ycells[0]) == read_cell(inserted) == cell
    assert isinstance(inserted["source"], Text)
    assert isinstance(inserted["outputs"][0]["text"], Text)


def test_a_new_cell_that_says_nothing_is_empty_code() -> None:
    plain = read_cell(insert_cell(Shared().notebook, 1, {"id": "new"}))

    assert (plain["id"], plain["cell_type"], plain["source"]) == ("new", "code", "")
    assert plain["outputs"] == []


def test_a_cell_that_is_put_elsewhere_still_runs() -> None:
    shared = Shared()
    shared.cell["execution_state"] = "running"

    moved = insert_cell(shared.notebook, 1, read_whole_cell(shared.cell))

    assert moved["execution_state"] == "running"
    assert read_whole_cell(moved) == read_whole_cell(shared.cell)


# Editing


def test_what_is_equal_is_not_touched() -> None:
    shared = Shared(outputs=[stream("a"), display("b")], metadata={"tags": ["x"]})

    assert shared.edit() == set()
    assert shared.updates == []


def test_exactly_the_parts_that_differ_are_edited() -> None:
    shared = Shared(outputs=[stream("a")], metadata={"tags": ["x"]})

    assert shared.edit(source="two", execution_count=4) == {"source", "execution_count"}
    assert read_cell(shared.cell) == {
        **notebook("two")["cells"][0],
        "outputs": [stream("a")],
        "execution_count": 4,
        "metadata": {"tags": ["x"]},
    }


def test_a_text_is_edited_in_the_places_that_differ() -> None:
    shared = Shared(source="x = 1\n" * 1000)
    source = shared.cell["source"]
    wanted = f"# first\n{source}# last\n"

    shared.edit(source=wanted)

    assert str(source) == str(shared.cell["source"]) == wanted
    assert len(shared.updates[0]) < 80


def test_a_text_that_goes_leaves_an_empty_one() -> None:
    shared = Shared()

    shared.edit(source=MISSING)

    assert str(shared.cell["source"]) == ""


def test_what_a_stream_printed_since_is_added_at_its_end() -> None:
    shared = Shared(outputs=[display("a"), stream("b" * 5000)])
    text = shared.cell["outputs"][1]["text"]

    shared.edit(outputs=[display("a"), stream(["b" * 5000, "\nmore"])])

    assert str(text) == str(shared.cell["outputs"][1]["text"]) == "b" * 5000 + "\nmore"
    assert len(shared.updates[0]) < 40


def test_outputs_are_added_after_those_that_are_there() -> None:
    shared = Shared(outputs=[display("a" * 5000)])

    shared.edit(outputs=[display("a" * 5000), stream("b"), display("c")])

    assert shared.outputs == [display("a" * 5000), stream("b"), display("c")]
    assert isinstance(shared.cell["outputs"][1]["text"], Text)
    assert len(shared.updates[0]) < 300


@pytest.mark.parametrize(
    "wanted",
    [
        [],
        [stream("a")],
        [stream("A"), display("b")],
        [stream("a", "stderr"), display("b"), stream("c")],
        [display("a"), display("b"), stream("c")],
        [stream("a"), display("B"), stream("c"), stream("d", "stderr")],
        [stream("c")],
    ],
)
def test_outputs_become_those_that_are_wanted(wanted: list[Any]) -> None:
    shared = Shared(outputs=[stream("a"), display("b"), stream("c")])

    assert shared.edit(outputs=wanted) == {"outputs"}
    assert shared.outputs == wanted


def test_outputs_that_somebody_cleared_meanwhile_are_all_there_again() -> None:
    """The records know of three, the shared types have one: they are edited until they fit."""
    shared = Shared(outputs=[stream("a")])
    known, wanted = (
        [stream("a"), display("b"), stream("c")],
        [stream("a"), display("b"), stream("d")],
    )

    with shared.notebook.ydoc.transaction():
        edit_cell(shared.cell, {"outputs": known}, {"outputs": wanted})

    assert shared.outputs == wanted


def test_outputs_where_there_are_none_are_added() -> None:
    shared = Shared()
    del shared.cell["outputs"]

    shared.edit(outputs=[stream("a")])

    assert isinstance(shared.cell["outputs"], Array)
    assert isinstance(shared.cell["outputs"][0]["text"], Text)
    assert shared.outputs == [stream("a")]


def test_a_code_cell_has_its_outputs_and_its_count_even_when_they_are_gone() -> None:
    shared = Shared(outputs=[stream("a")], execution_count=3)

    shared.edit(outputs=MISSING, execution_count=MISSING)

    assert read_part(shared.cell, "outputs") == []
    assert read_part(shared.cell, "execution_count") is None


def test_metadata_are_edited_entry_by_entry() -> None:
    shared = Shared(metadata={"kept": "k" * 5000, "changed": 1, "gone": True})
    metadata = shared.cell["metadata"]

    shared.edit(metadata={"kept": "k" * 5000, "changed": 2, "new": ["x"]})

    assert metadata.to_py() == {"kept": "k" * 5000, "changed": 2, "new": ["x"]}
    assert len(shared.updates[0]) < 100


def test_metadata_of_unknown_shape_are_replaced() -> None:
    shared = Shared()
    shared.cell["metadata"] = "odd"

    with shared.notebook.ydoc.transaction():
        edit_cell(shared.cell, {"metadata": {}}, {"metadata": {"tags": ["x"]}})

    assert isinstance(shared.cell["metadata"], Map)
    assert read_part(shared.cell, "metadata") == {"tags": ["x"]}


def test_any_other_part_is_set_and_deleted() -> None:
    shared = Shared()
    picture = {"a.png": {"image/png": "iVBORw0KGgo="}}

    assert shared.edit(attachments=picture) == {"attachments"}
    assert read_part(shared.cell, "attachments") == picture
    assert shared.edit(attachments=MISSING) == {"attachments"}
    assert "attachments" not in shared.cell


def test_a_part_that_is_gone_already_stays_gone() -> None:
    shared = Shared()

    assert edit_cell(shared.cell, {"attachments": {}}, {}) == {"attachments"}
    assert "attachments" not in shared.cell


def test_entries_that_are_null_are_not_deleted_ones() -> None:
    shared = Shared(metadata={"empty": None, "gone": None})

    edit_map(shared.cell["metadata"], {"empty": None, "gone": None}, {"empty": None, "new": None})

    assert read_part(shared.cell, "metadata") == {"empty": None, "new": None}


def test_an_entry_that_somebody_else_deleted_may_be_deleted_again() -> None:
    shared = Shared(metadata={"kept": 1})

    edit_map(shared.cell["metadata"], {"kept": 1, "gone": 2}, {"kept": 1})

    assert read_part(shared.cell, "metadata") == {"kept": 1}
