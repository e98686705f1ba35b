from typing import Any

from jupyter_ydoc import YNotebook
from pycrdt import Array, Map, Text

from cocalc_jupyter_ext.documents.notebook_cells import (
    find_cell,
    shared_output,
    take_notebook,
    with_cell_ids,
)

from ..support.notebooks import notebook

STREAM = {"name": "stdout", "output_type": "stream", "text": "line\n"}


def live(content: dict[str, Any]) -> YNotebook:
    document = YNotebook()
    document.set(content)
    return document


def take(document: YNotebook, content: dict[str, Any]) -> None:
    with document.ydoc.transaction():
        take_notebook(document, content)


def test_cells_are_found_by_id() -> None:
    document = live(notebook("a", "b"))

    cell = find_cell(document, "c1")

    assert cell is not None
    assert str(cell["source"]) == "b"
    assert find_cell(document, "none") is None


def test_a_stream_output_has_shared_text() -> None:
    document = live(notebook("a"))

    document.ycells[0]["outputs"].append(shared_output(STREAM | {"text": ["a", "b"]}))

    output = document.ycells[0]["outputs"][0]
    assert isinstance(output, Map)
    assert isinstance(output["text"], Text)
    assert str(output["text"]) == "ab"


def test_missing_ids_are_derived_and_a_cell_is_always_there() -> None:
    content = notebook("a", "b")
    del content["cells"][1]["id"]

    first, second = with_cell_ids(content, "room"), with_cell_ids(content, "room")

    assert first == second
    assert first["cells"][0]["id"] == "c0"
    assert first["cells"][1]["id"]
    assert "id" not in content["cells"][1]
    assert len(with_cell_ids(notebook(), "room")["cells"]) == 1


def test_taking_a_notebook_leaves_untouched_cells_and_shared_text_alone() -> None:
    document = live(notebook("one two", "same"))
    edited, same = document.ycells[0]["source"], document.ycells[1]["source"]

    take(document, notebook("one 2 two", "same", "new"))
    edited.insert(0, "!")
    same.insert(0, "?")

    assert [cell["source"] for cell in document.get()["cells"]] == ["!one 2 two", "?same", "new"]


def test_taking_a_notebook_takes_outputs_without_replacing_the_cell() -> None:
    document = live(notebook("a"))
    source = document.ycells[0]["source"]
    content = notebook("a")
    content["cells"][0]["outputs"] = [STREAM]

    take(document, content)
    source.insert(0, "!")

    assert document.get()["cells"][0]["outputs"] == [STREAM]
    assert document.get()["cells"][0]["source"] == "!a"


def test_taking_a_notebook_removes_moves_and_retypes_cells() -> None:
    document = live(notebook("a", "b", "c"))
    content = notebook("a", "b", "c")
    content["cells"] = [content["cells"][2], content["cells"][0]]
    content["cells"][1] = {"cell_type": "markdown", "id": "c0", "metadata": {}, "source": "a"}

    take(document, content)

    cells = document.get()["cells"]
    assert [(cell["id"], cell["cell_type"]) for cell in cells] == [
        ("c2", "code"),
        ("c0", "markdown"),
    ]


def test_a_cell_of_another_type_is_a_whole_new_shared_cell() -> None:
    document = live(notebook("text", "code"))
    content = notebook("text", "code")
    content["cells"][0] = {"cell_type": "markdown", "id": "c0", "metadata": {}, "source": "text"}
    changes: list[Any] = []
    subscription = document.ycells.observe(lambda event: changes.append(event.delta))

    take(document, content)
    take(document, notebook("text", "code"))
    document.ycells.unobserve(subscription)

    assert [[*change] for step in changes for change in step] == [["delete"], ["insert"]] * 2
    assert document.get()["cells"] == notebook("text", "code")["cells"]
    assert isinstance(document.ycells[0]["outputs"], Array)
