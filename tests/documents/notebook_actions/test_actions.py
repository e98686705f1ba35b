"""Actions on notebooks: what they write and refuse (syncdoc-jupyter §3.3, §4.1, §12.3)."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.notebook_actions.actions import NotebookActions
from cocalc_jupyter_ext.documents.notebook_actions.errors import (
    InvalidActionError,
    KernelNotChosenError,
    NoQuestionError,
    NotCodeError,
    NotDeletableError,
    NotebookActionError,
    NotebookReadOnlyError,
    NotEditableError,
    UndoUnavailableError,
    UnknownCellError,
)
from cocalc_jupyter_ext.documents.notebook_actions.reading import (
    cell_ids,
    cells_in_order,
    is_deletable,
    is_editable,
)
from cocalc_jupyter_ext.documents.notebook_records.blobs import blob_id

from ...support.memory_syncdb import MemorySyncDB

NOW = 5_000


def cell(cell_id: str, pos: float, text: str = "", **fields: Any) -> dict[str, Any]:
    return {"type": "cell", "id": cell_id, "pos": pos, "input": text, **fields}


def open_it(*records: dict[str, Any], **options: Any) -> NotebookActions:
    """Open a notebook with these records; new cells are n1, n2, ..., and the clock stands still."""
    numbers = itertools.count(1)
    document = MemorySyncDB({"type": "settings", "kernel": "python3"}, *records).join()
    return NotebookActions(
        document, make_id=lambda: f"n{next(numbers)}", now_ms=lambda: NOW, **options
    )


@pytest.fixture
def notebook() -> NotebookActions:
    return open_it(cell("a", 0, "one"), cell("b", 1, "two"), cell("c", 2, "three"))


def read(notebook: NotebookActions, cell_id: str) -> dict[str, Any]:
    record = notebook.records.get_one({"type": "cell", "id": cell_id})
    assert record is not None
    return dict(record)


def without_key(notebook: NotebookActions, cell_id: str) -> dict[str, Any]:
    return {k: v for k, v in read(notebook, cell_id).items() if k not in {"type", "id"}}


def shown(notebook: NotebookActions) -> list[tuple[str, str]]:
    return [(c["id"], c.get("input", "")) for c in cells_in_order(notebook.records)]


# Running


def test_a_run_is_asked_for_in_one_set_with_all_its_fields() -> None:
    """§4.1: the fields that a browser writes, and that the notebook is trusted then."""
    notebook = open_it(
        cell(
            "a",
            0,
            "1",
            state="done",
            start=100,
            end=130,
            output={"0": {"name": "stdout", "text": "x"}},
            exec_count=4,
            collapsed=True,
            metadata={"jupyter": {"outputs_hidden": True, "source_hidden": True}, "x": 1},
        )
    )

    assert notebook.run_code_cell("a")

    assert without_key(notebook, "a") == {
        "pos": 0,
        "input": "1",
        "state": "start",
        "start": NOW,
        "last": 30,
        "metadata": {"jupyter": {"source_hidden": True}, "x": 1},
    }
    assert notebook.records.get_one({"type": "settings"}) == {
        "type": "settings",
        "kernel": "python3",
        "trust": True,
    }
    assert len(notebook.document.versions()) == 2


def test_a_run_that_does_not_halt_says_so_and_one_that_does_takes_it_back(
    notebook: NotebookActions,
) -> None:
    notebook.run_code_cell("a", no_halt=True)
    assert read(notebook, "a")["no_halt"] is True
    notebook.cancel_cells()
    notebook.run_code_cell("a")
    assert "no_halt" not in read(notebook, "a")


def test_all_cells_are_asked_for_in_their_order_by_one_commit(notebook: NotebookActions) -> None:
    """§4.1: "Run all" does this in order with strictly increasing start, with one save."""
    notebook.move_cell("c", -2)
    versions = len(notebook.document.versions())

    assert notebook.run_all_cells() == ("c", "a", "b")

    assert [read(notebook, i)["start"] for i in "cab"] == [NOW, NOW + 1, NOW + 2]
    assert len(notebook.document.versions()) == versions + 1


def test_above_is_without_the_cell_and_below_is_with_it(notebook: NotebookActions) -> None:
    assert notebook.run_all_above("b") == ("a",)
    assert notebook.run_all_below("b") == ("b", "c")
    assert read(notebook, "b")["start"] > read(notebook, "a")["start"]


def test_a_cell_that_runs_is_not_asked_for_again(notebook: NotebookActions) -> None:
    for state in ("start", "run", "busy"):
        notebook.document.editable().set({"type": "cell", "id": "a", "state": state, "start": 1})
        assert not notebook.run_code_cell("a")
        assert read(notebook, "a")["start"] == 1


def test_running_a_blank_cell_clears_it_and_needs_no_kernel() -> None:
    notebook = open_it(
        cell("a", 0, " \n", state="done", start=1, end=2, output={"0": {}}, exec_count=1)
    )
    notebook.set_kernel("")

    assert not notebook.run_code_cell("a")

    assert without_key(notebook, "a") == {"pos": 0, "input": " \n"}


@pytest.mark.parametrize("kernel", ["", None])
def test_nothing_runs_without_a_kernel(notebook: NotebookActions, kernel: str | None) -> None:
    notebook.document.editable().set({"type": "settings", "kernel": kernel})

    with pytest.raises(KernelNotChosenError, match="choose one first"):
        notebook.run_all_cells()

    assert "state" not in read(notebook, "a")


def test_what_is_no_code_does_not_run(notebook: NotebookActions) -> None:
    notebook.set_cell_type("a", "markdown")

    with pytest.raises(NotCodeError):
        notebook.run_code_cell("a")
    assert notebook.run_all_cells() == ("b", "c")


def test_requests_of_one_client_are_later_and_later_though_its_clock_stands_still(
    notebook: NotebookActions,
) -> None:
    starts = []
    for cell_id in "cba":
        notebook.run_code_cell(cell_id)
        starts.append(read(notebook, cell_id)["start"])

    assert starts == [NOW, NOW + 1, NOW + 2]


def test_cancelled_cells_are_done(notebook: NotebookActions) -> None:
    notebook.run_cells(["a", "b"])

    notebook.cancel_cells(["a"])

    assert (read(notebook, "a")["state"], read(notebook, "b")["state"]) == ("done", "start")


# Positions (§3.3)


def test_a_new_cell_stands_half_way_between_its_neighbours(notebook: NotebookActions) -> None:
    assert notebook.insert_cell_below("a", "new") == "n1"
    assert read(notebook, "n1") == cell("n1", 0.5, "new", cell_type="code")


def test_a_new_cell_at_an_end_stands_one_beyond_it(notebook: NotebookActions) -> None:
    assert read(notebook, notebook.insert_cell_above("a"))["pos"] == -1
    assert read(notebook, notebook.insert_cell())["pos"] == 3


def test_several_new_cells_stand_at_equal_distances(notebook: NotebookActions) -> None:
    ids = notebook.insert_cells([{"input": "x"}] * 3, at=1)

    assert [read(notebook, i)["pos"] for i in ids] == [0.25, 0.5, 0.75]
    assert [i for i, _ in shown(notebook)] == ["a", *ids, "b", "c"]


def test_a_moved_cell_stands_half_way_between_its_new_neighbours(
    notebook: NotebookActions,
) -> None:
    notebook.move_cell("c", -1)
    assert read(notebook, "c")["pos"] == 0.5
    notebook.move_cell("c", -1)
    assert read(notebook, "c")["pos"] == -1
    notebook.move_cell("c", 7)
    assert read(notebook, "c")["pos"] == 2
    assert not notebook.move_cell("c", 1)


def test_selected_cells_are_moved_together(notebook: NotebookActions) -> None:
    notebook.move_cells(["c", "a"], at=1)
    assert [i for i, _ in shown(notebook)] == ["b", "c", "a"]
    assert not notebook.move_cells(["c", "a"], at=1)


def test_cells_can_be_inserted_at_one_place_as_often_as_one_likes(
    notebook: NotebookActions,
) -> None:
    """The numbers between two neighbours run out after some 50 cells."""
    ids = [notebook.insert_cell_below("a") for _ in range(120)]

    assert [i for i, _ in shown(notebook)] == ["a", *reversed(ids), "b", "c"]
    positions = [c["pos"] for c in cells_in_order(notebook.records)]
    assert len(set(positions)) == len(positions)


def test_a_cell_goes_between_two_that_have_one_position() -> None:
    notebook = open_it(cell("a", 1), cell("b", 1))

    notebook.insert_cell_below("a")

    assert [i for i, _ in shown(notebook)] == ["a", "n1", "b"]


def test_a_new_id_is_never_one_that_is_there() -> None:
    ids = iter(["a", "n1", "n1", "n2"])
    notebook = NotebookActions(MemorySyncDB(cell("a", 0)).join(), make_id=lambda: next(ids))

    assert notebook.insert_cells([{}, {}]) == ["n1", "n2"]


# Deleting, splitting, merging


def test_cells_are_deleted_all_or_none(notebook: NotebookActions) -> None:
    notebook.delete_protect(["b"])

    with pytest.raises(NotDeletableError, match="'b'"):
        notebook.delete_cells(["a", "b"])
    assert len(shown(notebook)) == 3

    notebook.remove_protection(["b"])
    notebook.delete_cells(["a", "b"])
    assert shown(notebook) == [("c", "three")]


def test_blank_code_cells_are_deleted_unless_they_are_protected() -> None:
    notebook = open_it(
        cell("a", 0, " \n"),
        cell("b", 1, "x"),
        cell("c", 2, "", cell_type="markdown"),
        cell("d", 3, "", metadata={"deletable": False}),
    )

    notebook.delete_all_blank_code_cells()

    assert [i for i, _ in shown(notebook)] == ["b", "c", "d"]


def test_splitting_puts_what_is_before_the_cursor_into_a_new_cell_above() -> None:
    notebook = open_it(
        cell("a", 0, "x"),
        cell("b", 1, "eins\nzwei 🐍", cell_type="markdown", start=1, end=2),
    )

    assert notebook.split_cell("b", 5) == "n1"

    assert shown(notebook) == [("a", "x"), ("n1", "eins\n"), ("b", "zwei 🐍")]
    assert read(notebook, "n1") == cell("n1", 0.5, "eins\n", cell_type="markdown")
    assert not {"start", "end"} & read(notebook, "b").keys()


@pytest.mark.parametrize("at", [-1, 4])
def test_a_cell_is_not_split_where_it_has_no_text(notebook: NotebookActions, at: int) -> None:
    with pytest.raises(InvalidActionError, match="3 characters"):
        notebook.split_cell("a", at)
    assert len(shown(notebook)) == 3


def test_merging_joins_texts_by_a_newline_and_outputs_by_new_numbers() -> None:
    out = [{"name": "stdout", "text": str(n)} for n in range(3)]
    notebook = open_it(
        cell("a", 0, "one", output={"0": out[0]}, start=1, end=2, exec_count=1),
        cell("b", 1, "two", output={"0": out[1], "1": out[2]}),
    )

    notebook.merge_with_next("a")

    wanted = {"0": out[0], "1": out[1], "2": out[2]}
    assert [read(notebook, "a")] == [cell("a", 0, "one\ntwo", output=wanted, exec_count=1)]
    assert len(shown(notebook)) == 1


def test_the_mark_for_more_output_is_last_after_merging() -> None:
    """§3.5: more_output is always last."""
    text = {"name": "stdout", "text": "x"}
    notebook = open_it(
        cell("a", 0, "1", output={"0": text, "1": {"more_output": True}}),
        cell("b", 1, "2", output={"0": text}),
    )

    notebook.merge_with_previous("b")

    assert read(notebook, "a")["output"] == {"0": text, "1": text, "2": {"more_output": True}}


def test_any_selection_is_merged_into_its_first_cell(notebook: NotebookActions) -> None:
    notebook.merge_cells(["c", "a", "b"])
    assert shown(notebook) == [("a", "one\ntwo\nthree")]


def test_pictures_of_merged_cells_stay_and_are_found() -> None:
    def entry(value: str) -> dict[str, str]:
        return {"type": "base64", "value": value}

    notebook = open_it(
        cell(
            "a", 0, "![](attachment:x.png)", cell_type="markdown", attachments={"x.png": entry("A")}
        ),
        cell(
            "b",
            1,
            "![](attachment:x.png) ![](attachment:y.png)",
            cell_type="markdown",
            attachments={"x.png": entry("B"), "y.png": entry("C")},
        ),
    )

    notebook.merge_with_next("a")

    assert read(notebook, "a")["input"] == (
        "![](attachment:x.png)\n![](attachment:x-2.png) ![](attachment:y.png)"
    )
    assert read(notebook, "a")["attachments"] == {
        "x.png": entry("A"),
        "x-2.png": entry("B"),
        "y.png": entry("C"),
    }


def test_what_cannot_be_merged_stays(notebook: NotebookActions) -> None:
    with pytest.raises(InvalidActionError, match="no cell below"):
        notebook.merge_with_next("c")
    with pytest.raises(InvalidActionError, match="no cell above"):
        notebook.merge_with_previous("a")
    with pytest.raises(InvalidActionError, match="at least two"):
        notebook.merge_cells(["a", "a"])
    notebook.delete_protect(["b"])
    with pytest.raises(NotDeletableError):
        notebook.merge_cells(["a", "b"])
    assert len(shown(notebook)) == 3


def test_copied_cells_are_pasted_as_new_ones_that_have_not_run(notebook: NotebookActions) -> None:
    notebook.run_code_cell("a")
    notebook.document.editable().set({"type": "cell", "id": "a", "output": {"0": {"name": "x"}}})

    (pasted,) = notebook.insert_cells(notebook.copy_cells(["a"]), at=2)

    assert read(notebook, pasted) == cell(
        pasted, 1.5, "one", cell_type="code", output={"0": {"name": "x"}}
    )


# Editing rules


def test_a_new_text_makes_the_last_run_count_no_more() -> None:
    notebook = open_it(cell("a", 0, "x", start=1, end=2, exec_count=3))

    assert notebook.set_cell_input("a", "y")

    assert read(notebook, "a") == cell("a", 0, "y", exec_count=3)
    assert not notebook.set_cell_input("a", "y")


def test_what_is_no_text_is_refused(notebook: NotebookActions) -> None:
    with pytest.raises(InvalidActionError, match="is text"):
        notebook.set_cell_input("a", 5)  # type: ignore[arg-type]
    with pytest.raises(InvalidActionError, match="not the text"):
        notebook.delete_cells("abc")
    assert len(shown(notebook)) == 3


def test_a_cell_that_is_code_no_more_loses_what_only_code_has() -> None:
    notebook = open_it(
        cell(
            "a",
            0,
            "x",
            output={"0": {}},
            start=1,
            end=2,
            collapsed=True,
            scrolled=True,
            slide="skip",
        )
    )

    notebook.set_cell_type("a", "markdown")

    assert read(notebook, "a") == cell("a", 0, "x", cell_type="markdown", slide="skip")
    with pytest.raises(InvalidActionError, match="'heading' is not a type"):
        notebook.set_cell_type("a", "heading")


def test_a_heading_replaces_the_heading_that_was_there(notebook: NotebookActions) -> None:
    notebook.set_cell_heading("a", 2)
    assert (read(notebook, "a")["cell_type"], read(notebook, "a")["input"]) == (
        "markdown",
        "## one",
    )
    notebook.set_cell_heading("a", 1)
    assert read(notebook, "a")["input"] == "# one"
    with pytest.raises(InvalidActionError, match="1 to 6"):
        notebook.set_cell_heading("a", 7)


REFUSED: dict[str, Callable[[NotebookActions], Any]] = {
    "input": lambda n: n.set_cell_input("a", "new"),
    "type": lambda n: n.set_cell_type("a", "raw"),
    "heading": lambda n: n.set_cell_heading("a", 1),
    "attachment": lambda n: n.attach("a", "x.png", b"x"),
    "attachment of a file": lambda n: n.attach_file("a", "x.png"),
    "split": lambda n: n.split_cell("a", 1),
    "merge": lambda n: n.merge_with_next("a"),
    "metadata": lambda n: n.set_cell_metadata("a", {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_write_protected_cell_is_not_changed(notebook: NotebookActions, name: str) -> None:
    notebook.write_protect(["a"])
    before = notebook.document.text

    with pytest.raises(NotEditableError, match="'a' is write protected"):
        REFUSED[name](notebook)
    assert notebook.document.text == before


def test_a_write_protected_cell_runs_and_is_not_deleted(notebook: NotebookActions) -> None:
    notebook.write_protect(["a"])

    assert notebook.run_code_cell("a")
    with pytest.raises(NotDeletableError):
        notebook.delete_cell("a")


def test_metadata_of_a_protected_cell_needs_the_bypass(notebook: NotebookActions) -> None:
    notebook.write_protect(["a"])
    notebook.set_cell_metadata("a", {"x": 1}, merge=True, bypass_protection=True)
    assert read(notebook, "a")["metadata"] == {"editable": False, "x": 1}
    notebook.remove_protection(["a"])
    assert read(notebook, "a")["metadata"] == {"x": 1}


def test_metadata_is_replaced_or_merged(notebook: NotebookActions) -> None:
    notebook.set_cell_metadata("a", {"x": 1, "y": {"z": 1}})
    notebook.set_cell_metadata("a", {"y": {"w": 2}})
    assert read(notebook, "a")["metadata"] == {"y": {"w": 2}}
    notebook.set_cell_metadata("a", {"y": None, "v": 3}, merge=True)
    assert read(notebook, "a")["metadata"] == {"v": 3}
    notebook.set_cell_metadata("a", {})
    assert "metadata" not in read(notebook, "a")


EVERY_ACTION_ON_A_CELL: dict[str, Callable[[NotebookActions, str], Any]] = {
    "run": lambda n, i: n.run_code_cell(i),
    "above": lambda n, i: n.run_all_above(i),
    "below": lambda n, i: n.run_all_below(i),
    "insert": lambda n, i: n.insert_cell_above(i),
    "copy": lambda n, i: n.copy_cells([i]),
    "delete": lambda n, i: n.delete_cell(i),
    "move": lambda n, i: n.move_cell(i, 1),
    "split": lambda n, i: n.split_cell(i, 0),
    "merge": lambda n, i: n.merge_with_next(i),
    "input": lambda n, i: n.set_cell_input(i, ""),
    "type": lambda n, i: n.set_cell_type(i, "raw"),
    "attach": lambda n, i: n.attach(i, "x", b""),
    "clear": lambda n, i: n.clear_outputs([i]),
    "output": lambda n, i: n.process_output(i, "stream", {"name": "stdout", "text": "x"}),
    "answer": lambda n, i: n.answer_input(i, "x"),
    "collapse": lambda n, i: n.set_collapsed([i]),
    "scroll": lambda n, i: n.toggle_scrolled([i]),
    "hide": lambda n, i: n.hide_input([i]),
    "protect": lambda n, i: n.write_protect([i]),
    "tag": lambda n, i: n.add_tag([i], "x"),
    "slide": lambda n, i: n.set_slide([i], "slide"),
    "metadata": lambda n, i: n.set_cell_metadata(i, {"x": 1}),
    "cancel": lambda n, i: n.cancel_cells([i]),
}


@pytest.mark.parametrize("name", EVERY_ACTION_ON_A_CELL)
def test_a_cell_that_is_not_there_is_named(notebook: NotebookActions, name: str) -> None:
    """Nothing may bring back a deleted cell without its text and place (§2.3)."""
    before = notebook.document.text

    with pytest.raises(UnknownCellError, match="no cell 'gone'"):
        EVERY_ACTION_ON_A_CELL[name](notebook, "gone")
    assert notebook.document.text == before


def test_nothing_is_edited_while_the_file_is_read_only(notebook: NotebookActions) -> None:
    """§1.16: browsers refuse edits then."""
    notebook.document.record.update({"read_only": True})

    for action in EVERY_ACTION_ON_A_CELL.values():
        if action is not EVERY_ACTION_ON_A_CELL["copy"]:
            with pytest.raises((NotebookReadOnlyError, NoQuestionError)):
                action(notebook, "a")
    notebook.document.record.update({"read_only": False})
    assert notebook.set_cell_input("a", "again")


# Looks


def test_the_first_toggle_of_collapsed_makes_it_false_and_of_scrolled_true(
    notebook: NotebookActions,
) -> None:
    notebook.toggle_collapsed(["a"])
    notebook.toggle_scrolled(["a"])
    assert (read(notebook, "a")["collapsed"], read(notebook, "a")["scrolled"]) == (False, True)
    notebook.toggle_collapsed(["a"])
    assert read(notebook, "a")["collapsed"] is True
    notebook.set_collapsed(["a"], value=None)
    assert "collapsed" not in read(notebook, "a")


def test_outputs_of_all_code_cells_are_collapsed(notebook: NotebookActions) -> None:
    notebook.set_cell_type("b", "markdown")
    notebook.set_collapsed()
    assert [read(notebook, i).get("collapsed") for i in "abc"] == [True, None, True]


def test_hidden_parts_are_in_the_metadata_and_shown_again(notebook: NotebookActions) -> None:
    notebook.hide_input(["a"])
    notebook.hide_output(["a"])
    wanted = {"jupyter": {"source_hidden": True, "outputs_hidden": True}}
    assert read(notebook, "a")["metadata"] == wanted
    notebook.hide_input(["a"], is_hidden=False)
    notebook.run_code_cell("a")
    assert "metadata" not in read(notebook, "a")


def test_tags_are_a_map_and_slides_a_word(notebook: NotebookActions) -> None:
    notebook.add_tag(["a", "b"], "first")
    notebook.add_tag(["a"], "second")
    notebook.remove_tag(["a"], "first")
    notebook.set_slide(["a"], "subslide")
    assert (read(notebook, "a")["tags"], read(notebook, "b")["tags"]) == (
        {"second": True},
        {"first": True},
    )
    assert read(notebook, "a")["slide"] == "subslide"
    notebook.set_slide(["a"], None)
    assert "slide" not in read(notebook, "a")
    for refused in ("", "two words", "a,b"):
        with pytest.raises(InvalidActionError, match="one word"):
            notebook.add_tag(["a"], refused)
    with pytest.raises(InvalidActionError, match="is not a type of slide"):
        notebook.set_slide(["a"], "chapter")


def test_attachments_have_the_names_that_markdown_can_refer_to(notebook: NotebookActions) -> None:
    """§3.6: URL-encoded lower-case file names with parentheses encoded too."""
    reference = notebook.attach("a", "My Plot (1).PNG", b"\x89PNG")

    assert reference == "attachment:my%20plot%20%281%29.png"
    assert read(notebook, "a")["attachments"] == {
        "my%20plot%20%281%29.png": {"type": "base64", "value": "iVBORw=="}
    }
    notebook.delete_attachment("a", "my%20plot%20%281%29.png")
    assert not read(notebook, "a")["attachments"]
    with pytest.raises(InvalidActionError, match="no attachment"):
        notebook.delete_attachment("a", "x.png")


def test_the_project_is_asked_to_attach_a_file_of_its_own(notebook: NotebookActions) -> None:
    """§3.6: of the type ``load``, with the path."""
    assert notebook.attach_file("a", "plots/New.png") == "attachment:new.png"
    entry = {"type": "load", "value": "plots/New.png"}
    assert read(notebook, "a")["attachments"] == {"new.png": entry}
    with pytest.raises(InvalidActionError, match="needs a path"):
        notebook.attach_file("a", "", name="x")


# Settings


def test_the_kernel_is_named_in_lower_case_and_none_is_the_empty_text(
    notebook: NotebookActions,
) -> None:
    notebook.set_kernel(" Python3 ")
    assert (notebook.records.get_one({"type": "settings"}) or {})["kernel"] == "python3"
    notebook.set_kernel("")
    assert (notebook.records.get_one({"type": "settings"}) or {})["kernel"] == ""
    assert len(notebook.records.get({"type": "settings"})) == 1
    assert "id" not in notebook.records.get({"type": "settings"})[0]


def test_metadata_of_the_notebook_is_without_its_kernel(notebook: NotebookActions) -> None:
    notebook.set_notebook_metadata({"x": 1, "y": 2})
    notebook.set_notebook_metadata({"y": None, "z": 3}, merge=True)
    assert (notebook.records.get_one({"type": "settings"}) or {})["metadata"] == {"x": 1, "z": 3}
    with pytest.raises(InvalidActionError, match="set_kernel"):
        notebook.set_notebook_metadata({"kernelspec": {}})


def test_one_conversion_is_asked_for_at_a_time(notebook: NotebookActions) -> None:
    """§10: refused while the state is start or run."""
    for state in ("start", "run"):
        notebook.document.editable().delete({"type": "nbconvert"})
        notebook.nbconvert(["--to", "html"])
        assert notebook.records.get({"type": "nbconvert"}) == [
            {"type": "nbconvert", "args": ["--to", "html"], "state": "start"}
        ]
        notebook.document.editable().set({"type": "nbconvert", "state": state, "error": "old"})
        with pytest.raises(InvalidActionError, match="being converted"):
            notebook.nbconvert(["--to", "pdf"])
    notebook.document.editable().set({"type": "nbconvert", "state": "done"})
    notebook.nbconvert(["--to", "script"])
    assert notebook.records.get_one({"type": "nbconvert"}) == {
        "type": "nbconvert",
        "args": ["--to", "script"],
        "state": "start",
    }
    with pytest.raises(InvalidActionError, match="list of texts"):
        notebook.nbconvert("--to html")


# Outputs (§3.5)


def stream(text: str) -> dict[str, Any]:
    return {"name": "stdout", "text": text}


def test_a_message_is_stored_without_what_says_nothing(notebook: NotebookActions) -> None:
    content = {
        "data": {"text/plain": "5"},
        "metadata": {},
        "transient": {},
        "execution_count": 3,
        "status": "ok",
        "source": "x",
    }

    assert notebook.process_output("a", "execute_result", content)

    assert read(notebook, "a")["output"] == {"0": {"data": {"text/plain": "5"}, "exec_count": 3}}
    assert read(notebook, "a")["exec_count"] == 3


@pytest.mark.parametrize(
    ("msg_type", "content"),
    [
        ("status", {"execution_state": "busy"}),
        ("execute_input", {"code": "x"}),
        ("comm_msg", {"comm_id": "x", "data": {"x": 1}}),
        ("display_data", {"data": {}, "metadata": {}}),
    ],
)
def test_what_shows_nothing_is_no_output(
    notebook: NotebookActions, msg_type: str, content: dict[str, Any]
) -> None:
    assert not notebook.process_output("a", msg_type, content)
    assert "output" not in read(notebook, "a")


def test_outputs_are_cleared_at_once_or_by_the_next_one(notebook: NotebookActions) -> None:
    notebook.process_output("a", "stream", stream("1"))
    notebook.process_output("a", "clear_output", {"wait": True})
    assert read(notebook, "a")["output"] == {"0": stream("1")}
    notebook.process_output("a", "stream", stream("2"))
    assert read(notebook, "a")["output"] == {"0": stream("2")}
    notebook.process_output("a", "clear_output", {"wait": False})
    assert "output" not in read(notebook, "a")


def test_a_display_is_updated_wherever_it_is_shown(notebook: NotebookActions) -> None:
    def display(text: str) -> dict[str, Any]:
        return {"data": {"text/plain": text}, "transient": {"display_id": "d"}}

    notebook.process_output("a", "display_data", display("1"))
    notebook.process_output("b", "stream", stream("x"))
    notebook.process_output("b", "display_data", display("2"))
    assert read(notebook, "a")["output"] == {"0": display("2")}
    notebook.process_output("c", "update_display_data", display("3"))
    assert read(notebook, "a")["output"] == {"0": display("3")}
    assert read(notebook, "b")["output"] == {"0": stream("x"), "1": display("3")}
    assert "output" not in read(notebook, "c")


def test_pictures_go_to_where_blobs_are_kept() -> None:
    kept: list[bytes] = []

    def put(content: bytes) -> str:
        kept.append(content)
        return blob_id(content)

    notebook = open_it(cell("a", 0, "x"), put=put)
    notebook.process_output("a", "display_data", {"data": {"image/png": "iVBORw=="}})

    assert read(notebook, "a")["output"] == {"0": {"data": {"image/png": blob_id(b"\x89PNG")}}}
    assert kept == [b"\x89PNG"]


def test_what_exceeds_the_limits_is_marked_once(notebook: NotebookActions) -> None:
    """§4.6: characters of JSON per cell."""
    notebook.set_max_output_length(150)
    notebook.process_output("a", "stream", stream("x" * 100))
    for _ in range(3):
        notebook.process_output("a", "stream", stream("y" * 100))

    assert read(notebook, "a")["output"] == {"0": stream("x" * 100), "1": {"more_output": True}}


def test_a_cell_has_at_most_500_messages() -> None:
    """§4.6."""
    many = {str(number): {"name": "x"} for number in range(499)}
    notebook = open_it(cell("a", 0, output=many))
    for _ in range(3):
        notebook.process_output("a", "stream", stream("y"))

    output = read(notebook, "a")["output"]
    assert (len(output), output["499"], output["500"]) == (501, stream("y"), {"more_output": True})


def test_a_question_is_answered_once_and_no_password_gets_into_the_document() -> None:
    question = {"name": "input", "opts": {"prompt": "?", "password": False}}
    secret = {"name": "input", "opts": {"prompt": "?", "password": True}}
    notebook = open_it(
        cell("a", 0, output={"0": stream("x"), "1": question}), cell("b", 1, output={"0": secret})
    )

    notebook.answer_input("a", "yes")

    assert read(notebook, "a")["output"]["1"] == {**question, "value": "yes"}
    with pytest.raises(NoQuestionError):
        notebook.answer_input("a", "again")
    with pytest.raises(InvalidActionError, match="password"):
        notebook.answer_input("b", "hunter2")


def test_clearing_takes_outputs_and_prompt_numbers() -> None:
    notebook = open_it(cell("a", 0, "x", output={"0": {}}, exec_count=2), cell("b", 1, "y"))

    assert notebook.clear_outputs()

    assert read(notebook, "a") == cell("a", 0, "x")
    assert not notebook.clear_outputs(["b"])


# Commits


def test_actions_that_belong_together_are_one_commit_and_one_undo(
    notebook: NotebookActions,
) -> None:
    before = notebook.document.text
    with notebook.together():
        notebook.set_cell_input("a", "new")
        notebook.insert_cell("more")
    assert len(notebook.document.versions()) == 2

    notebook.undo()
    assert notebook.document.text == before
    notebook.redo()
    assert shown(notebook)[0] == ("a", "new")


async def test_the_project_carries_its_actions_to_who_follows_its_document() -> None:
    """As if another participant had made them; what was typed meanwhile comes first."""
    document = MemorySyncDB(cell("a", 0, "x")).join("project")
    project = NotebookActions(document, is_project=True)
    told: list[list[dict[str, Any]]] = []
    document.before_change.connect(
        lambda: document.editable().set({"type": "cell", "id": "a", "input": "typed"})
    )
    document.changes.connect(lambda before: told.append(document.value.changed_keys(before)))

    project.set_slide(["a"], "skip")

    assert told == [[{"type": "cell", "id": "a"}]]
    assert read(project, "a") == cell("a", 0, "typed", slide="skip")
    with pytest.raises(UndoUnavailableError):
        project.undo()


async def test_two_participants_edit_one_notebook() -> None:
    world = MemorySyncDB(cell("a", 0, "one\ntwo\nthree\n"))
    ann, bob = NotebookActions(world.join("ann")), NotebookActions(world.join("bob"))

    ann.set_cell_input("a", "ONE\ntwo\nthree\n")
    bob.set_cell_input("a", "one\ntwo\nTHREE\n")
    bob.add_tag(["a"], "bob")
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert ann.document.text == bob.document.text
    assert read(ann, "a")["input"] == "ONE\ntwo\nTHREE\n"
    ann.undo()
    assert read(ann, "a")["input"] == "one\ntwo\nTHREE\n"


# Any actions in any order

FIELDS = {
    "type", "id", "input", "cell_type", "pos", "output", "exec_count", "state", "start", "end",
    "last", "kernel", "no_halt", "collapsed", "scrolled", "metadata", "slide", "tags",
    "attachments",
}  # fmt: skip
"""Of a cell (§3.3)."""

TYPES = st.sampled_from(["code", "markdown", "raw"])
TEXTS = st.sampled_from(["", " \n", "x = 1", "# Title\ntext", "🐍\nprint(2)", "a\nb\nc"])
FLAGS = st.booleans()
NUMBERS = st.integers(-3, 5)

STEPS: dict[str, Callable[..., Any]] = {
    "run": lambda n, i, _t, _k, flag, _m: n.run_code_cell(i, no_halt=flag),
    "run all": lambda n, _i, _t, _k, flag, _m: n.run_all_cells(no_halt=flag),
    "insert": lambda n, _i, t, k, _f, m: n.insert_cell(t, at=m, cell_type=k),
    "delete": lambda n, i, *_: n.delete_cell(i),
    "blank": lambda n, *_: n.delete_all_blank_code_cells(),
    "move": lambda n, i, _t, _k, _f, m: n.move_cell(i, m),
    "move to": lambda n, i, _t, _k, _f, m: n.move_cells([i, *cell_ids(n.records)[:1]], m),
    "split": lambda n, i, _t, _k, _f, m: n.split_cell(i, m),
    "merge": lambda n, i, _t, _k, flag, _m: (n.merge_with_next if flag else n.merge_with_previous)(
        i
    ),
    "input": lambda n, i, t, *_: n.set_cell_input(i, t),
    "type": lambda n, i, _t, k, *_: n.set_cell_type(i, k),
    "attach": lambda n, i, t, *_: n.attach(i, "x.png", t.encode()),
    "output": lambda n, i, t, *_: n.process_output(i, "stream", stream(t)),
    "display": lambda n, i, t, *_: n.process_output(
        i, "display_data", {"data": {"text/plain": t}, "transient": {"display_id": "d"}}
    ),
    "clear": lambda n, i, *_: n.clear_outputs([i]),
    "collapse": lambda n, i, _t, _k, flag, _m: n.set_collapsed([i], flag),
    "toggle": lambda n, i, *_: n.toggle_scrolled([i]),
    "hide": lambda n, i, _t, _k, flag, _m: n.hide_output([i], flag),
    "write protect": lambda n, i, _t, _k, flag, _m: n.write_protect([i], flag),
    "delete protect": lambda n, i, _t, _k, flag, _m: n.delete_protect([i], flag),
    "tag": lambda n, i, _t, _k, flag, _m: (n.add_tag if flag else n.remove_tag)([i], "tag"),
    "slide": lambda n, i, _t, _k, flag, _m: n.set_slide([i], "slide" if flag else None),
    "metadata": lambda n, i, t, _k, flag, _m: n.set_cell_metadata(i, {"x": t or None}, merge=flag),
    "cancel": lambda n, *_: n.cancel_cells(),
    "kernel": lambda n, _i, _t, _k, flag, _m: n.set_kernel("python3" if flag else ""),
}

STORY = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), NUMBERS, TEXTS, TYPES, FLAGS, NUMBERS), max_size=30
)


def tell(notebook: NotebookActions, story: list[tuple[Any, ...]]) -> None:
    """Do what can be done; what cannot must change nothing."""
    for name, which, *rest in story:
        ids = cell_ids(notebook.records) or ["none"]
        before = notebook.document.text
        try:
            STEPS[name](notebook, ids[which % len(ids)], *rest)
        except NotebookActionError:
            assert notebook.document.text == before


@settings(max_examples=150, deadline=None)
@given(STORY)
def test_any_story_keeps_the_rules_and_can_be_undone(story: list[tuple[Any, ...]]) -> None:
    notebook = open_it(cell("a", 0, "one"), cell("b", 1, "two", metadata={"x": 1}), cell("c", 2))
    beginning = notebook.document.text

    tell(notebook, story)

    cells = cells_in_order(notebook.records)
    assert len({c["pos"] for c in cells}) == len(cells)
    for each in cells:
        assert each.keys() <= FIELDS
        assert None not in each.values()
        assert isinstance(each["input"], str)
        assert list(each.get("output", {})) == [str(n) for n in range(len(each.get("output", {})))]
        assert is_editable(each) or not is_deletable(each)
    assert len(notebook.records.get({"type": "settings"})) == 1

    end, steps = notebook.document.text, len(notebook.document.versions())
    for _ in range(steps):
        notebook.undo()
    assert notebook.document.text == beginning
    for _ in range(steps):
        notebook.redo()
    assert notebook.document.text == end


# What a document cannot hold


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        (lambda n: n.insert_cell(5), "'input' must be a text"),
        (lambda n: n.insert_cell("x", id="a"), "gets its 'id'"),
        (lambda n: n.insert_cell("x", pos=7), "gets its 'pos'"),
        (lambda n: n.insert_cells([{"type": "settings"}]), "gets its 'type'"),
        (lambda n: n.set_cell_metadata("a", {"x": object()}), "'metadata.x' is of type object"),
        (lambda n: n.set_cell_metadata("a", {"x": {1: 2}}), "has the key 1"),
        (lambda n: n.set_cell_metadata("a", 5), "metadata is a map"),
        (lambda n: n.set_notebook_metadata({"x": float("nan")}), "'metadata.x' is nan"),
        (lambda n: n.set_notebook_metadata([]), "metadata is a map"),
        (lambda n: n.set_trust("yes"), "True or False"),
        (lambda n: n.attach("a", "x.txt", "text"), "as bytes"),
        (lambda n: n.add_tag("abc", "x"), "not the text 'abc'"),
        (lambda n: n.clear_outputs("abc"), "not the text 'abc'"),
        (lambda n: n.process_output("a", "stream", "text"), "content of a message is a map"),
    ],
)
def test_what_no_notebook_can_hold_is_refused_and_changes_nothing(
    notebook: NotebookActions, action: Callable[[NotebookActions], object], problem: str
) -> None:
    before = notebook.document.text

    with pytest.raises(InvalidActionError, match=problem):
        action(notebook)

    assert notebook.document.text == before
    assert notebook.document.commit() is None


def test_what_is_set_is_a_copy_that_nobody_else_changes(notebook: NotebookActions) -> None:
    metadata = {"list": (1, [2])}

    notebook.set_cell_metadata("a", metadata)
    metadata["list"][1].append(3)  # type: ignore[attr-defined]

    assert read(notebook, "a")["metadata"] == {"list": [1, [2]]}
