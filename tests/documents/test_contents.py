import math
from typing import Any

import pytest
from jupyter_ydoc import YNotebook
from jupyter_ydoc.yunicode import YUnicode
from pycrdt import Doc

from cocalc_jupyter_ext.documents.contents import (
    checked_state,
    initial_state,
    installed_classes,
    plain_content,
    read_update,
    take_content,
)
from cocalc_jupyter_ext.documents.errors import FileUnreadableError

from ..support.documents import NOTEBOOK_ID
from ..support.notebooks import notebook


def test_loading_the_same_file_twice_gives_one_history() -> None:
    content = notebook("a", "b")
    del content["cells"][0]["id"]
    doc: Doc[Any] = Doc()

    first = initial_state(YNotebook, content, salt="room")
    second = initial_state(YNotebook, content, salt="room")
    doc.apply_update(first.update)
    doc.apply_update(second.update)

    assert first.epoch == second.epoch
    assert len(YNotebook(doc).ycells) == 2


def test_another_content_has_another_epoch() -> None:
    first = initial_state(YUnicode, "a", salt="room")

    assert first.epoch != initial_state(YUnicode, "b", salt="room").epoch
    assert first.epoch != initial_state(YUnicode, "a", salt="another room").epoch


def test_a_document_is_read_from_its_update() -> None:
    state = initial_state(YNotebook, notebook("a"), salt="room")

    rendered = read_update(YNotebook, state.update)

    assert rendered.digest == state.digest
    assert [cell["source"] for cell in rendered.content["cells"]] == ["a"]


def test_doubled_cell_ids_still_give_a_valid_notebook() -> None:
    document = YNotebook()
    document.set(notebook("a"))
    document.append_cell(notebook("another")["cells"][0])

    rendered = read_update(YNotebook, document.ydoc.get_update())

    assert len({cell["id"] for cell in rendered.content["cells"]}) == 2


@pytest.mark.parametrize("minor", [2, 4, 5])
def test_the_content_of_a_notebook_is_what_its_class_says(minor: int) -> None:
    """Whatever is in it: that is written into files."""
    content = notebook("é \u2028 🐍\n\x01", "second") | {"nbformat_minor": minor}
    content["metadata"] = {"kernelspec": {"name": "python3"}, "numbers": [1, 1.0, 2.5, -0.0, 1e-9]}
    data = {"application/json": {"a": [None, True, 1e22, 2**53, -(2**40)], "b": {}}}
    content["cells"][0]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": 'a\\b"c'},
        {"output_type": "display_data", "metadata": {}, "data": data},
    ]
    content["cells"][1]["execution_count"] = 7
    for attachments in ({}, {"a.png": {"image/png": "AAAA"}}):
        cell = {"cell_type": "markdown", "id": f"m{len(attachments)}", "metadata": {}}
        content["cells"].append({**cell, "source": "*x*", "attachments": attachments})
    document = YNotebook()
    document.set(content)

    plain = plain_content(document)

    wanted = document.get()
    assert plain == wanted
    assert repr(plain["metadata"]["numbers"]) == repr(wanted["metadata"]["numbers"])
    assert type(plain["cells"][1]["execution_count"]) is int


@pytest.mark.parametrize("value", [math.nan, math.inf, "half a character: \ud83d"])
def test_what_no_shared_document_can_hold_is_refused_with_a_reason(value: Any) -> None:
    content = notebook("a")
    data = {"application/json": [value]}
    content["cells"][0]["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]

    with pytest.raises(FileUnreadableError, match="not a valid notebook"):
        checked_state(YNotebook, content, NOTEBOOK_ID, "a.ipynb")


def test_text_is_taken_by_small_edits() -> None:
    document = YUnicode()
    document.set("one three")
    text = document.ydoc["source"]

    with document.ydoc.transaction():
        take_content(document, "one two three", salt="room")
    text.insert(0, "!")

    assert document.get() == "!one two three"


def test_all_installed_types_are_known() -> None:
    assert {"notebook", "file", "unicode", "blob"} <= set(installed_classes())
