from collections.abc import Callable
from typing import Any

import pytest
from jupyter_ydoc import YNotebook
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment

from cocalc_jupyter_ext.documents.contents import plain_content
from cocalc_jupyter_ext.documents.notebook_shape import is_misshapen, mend_notebook

from ..support.notebooks import notebook

PLAIN_CELL = {
    "cell_type": "code",
    "id": "new",
    "source": ["1\n", "+ 1"],
    "outputs": [{"output_type": "stream", "name": "stdout", "text": "2"}],
}


def live_notebook(seen: list[bool] | None = None) -> YNotebook:
    live = YNotebook(Doc())
    live.set(notebook("a", "b"))
    if seen is not None:
        live.observe(lambda topic, events: seen.append(is_misshapen(live, topic, events)))
    return live


def texts(live: YNotebook) -> list[str]:
    return [cell["source"] for cell in plain_content(live)["cells"]]


def put(index: int, value: Any) -> Callable[[YNotebook], None]:
    return lambda live: live.ycells.insert(index, value)


def set_part(name: str, value: Any) -> Callable[[YNotebook], None]:
    return lambda live: live.ycells[0].__setitem__(name, value)


def set_meta(name: str, value: Any) -> Callable[[YNotebook], None]:
    return lambda live: live.ydoc.get("meta", type=Map).__setitem__(name, value)


@pytest.mark.parametrize(
    ("damage", "wanted"),
    [
        (put(1, "text"), ["a", "b"]),
        (put(0, 7), ["a", "b"]),
        (put(2, None), ["a", "b"]),
        (put(1, Array(["x"])), ["a", "b"]),
        (put(1, Text("x")), ["a", "b"]),
        (put(1, {"no": "cell"}), ["a", "b"]),
        (put(1, PLAIN_CELL), ["a", "1\n+ 1", "b"]),
        (put(1, Map({})), ["a", "", "b"]),
        (put(1, Map({"cell_type": "markdown", "source": "plain"})), ["a", "plain", "b"]),
        (set_part("source", "plain"), ["plain", "b"]),
        (set_part("source", {"a": 1}), ["", "b"]),
        (set_part("metadata", None), ["a", "b"]),
        (set_part("metadata", "x"), ["a", "b"]),
        (set_part("outputs", "x"), ["a", "b"]),
        (set_part("outputs", [{"output_type": "error"}, "x"]), ["a", "b"]),
        (set_part("cell_type", 5), ["a", "b"]),
        (set_meta("nbformat", "four"), ["a", "b"]),
        (set_meta("metadata", ["x"]), ["a", "b"]),
    ],
)
def test_what_no_notebook_can_hold_is_seen_and_mended(
    damage: Callable[[YNotebook], None], wanted: list[str]
) -> None:
    seen: list[bool] = []
    live = live_notebook(seen)

    damage(live)
    assert seen == [True]
    assert mend_notebook(live)

    assert texts(live) == wanted
    assert all(isinstance(cell["source"], Text) for cell in live.ycells)
    assert live.get()["nbformat"] == 4
    assert not mend_notebook(live)


@pytest.mark.parametrize("root", ["text", "xml"])
def test_cells_that_somebody_else_takes_for_another_type_are_removed(root: str) -> None:
    live, foreign = live_notebook(), Doc()  # type: ignore[var-annotated]
    if root == "text":
        text = foreign.get("cells", type=Text)
        text += "abc"
    else:
        foreign.get("cells", type=XmlFragment).children.append(XmlElement("p"))
    live.ydoc.apply_update(foreign.get_update())

    assert mend_notebook(live)

    assert texts(live) == ["a", "b"]


def test_a_plain_cell_keeps_its_outputs_and_metadata() -> None:
    live = live_notebook()
    live.ycells.append({**PLAIN_CELL, "metadata": {"tags": ["x"]}})

    mend_notebook(live)

    cell = plain_content(live)["cells"][2]
    assert cell["metadata"] == {"tags": ["x"]}
    assert cell["outputs"][0]["text"] == "2"
    assert isinstance(live.ycells[2]["outputs"][0]["text"], Text)


def test_ordinary_edits_are_no_damage() -> None:
    seen: list[bool] = []
    live = live_notebook(seen)

    live.append_cell(live.get_cell(0))
    source = live.ycells[0]["source"]
    source += "more"
    live.ycells[0]["execution_count"] = 3
    live.ycells[0]["outputs"].append(Map({"output_type": "error"}))
    live.ycells[0]["metadata"]["tags"] = ["x"]
    live.ydoc.get("meta", type=Map)["metadata"]["k"] = 1
    live.dirty = True
    del live.ycells[1]

    assert len(seen) == 8
    assert not any(seen)


DISPLAY = {"output_type": "display_data", "data": {"text/plain": "x"}, "metadata": {}}
STREAM = {"output_type": "stream", "name": "stdout", "text": "x"}


@pytest.mark.parametrize(
    ("odd", "wanted"),
    [
        ("text", []),
        (None, []),
        ([DISPLAY], []),
        ({"no": "output"}, []),
        ({**DISPLAY, "data": "text"}, [{**DISPLAY, "data": {}}]),
        (Map({**DISPLAY, "data": "text"}), [{**DISPLAY, "data": {}}]),
        (Map({**DISPLAY, "metadata": [1]}), [DISPLAY]),
        (Map({**DISPLAY, "output_type": 5}), [DISPLAY]),
        (Map({"output_type": "stream"}), [{**STREAM, "text": ""}]),
        (Map({**STREAM, "text": ["x"]}), [STREAM]),
    ],
)
def test_an_output_that_no_file_can_hold_is_seen_and_mended(odd: Any, wanted: list[Any]) -> None:
    seen: list[bool] = []
    live = live_notebook(seen)
    outputs = live.ycells[0]["outputs"]
    outputs.append(Map(STREAM))

    outputs.append(odd)

    assert seen == [False, True]
    assert mend_notebook(live)
    assert not mend_notebook(live)
    assert plain_content(live)["cells"][0]["outputs"] == [STREAM, *wanted]


def test_a_part_of_an_output_that_no_file_can_hold_is_seen() -> None:
    seen: list[bool] = []
    live = live_notebook(seen)
    live.ycells[0]["outputs"].append(Map(DISPLAY))

    live.ycells[0]["outputs"][0]["data"] = {"text/plain": "y"}
    live.ycells[0]["outputs"][0]["data"] = "text"

    assert seen == [False, False, True]


def test_plain_outputs_are_left_to_the_client_that_writes_such() -> None:
    seen: list[bool] = []
    live = live_notebook(seen)

    live.ycells[0]["outputs"].extend([STREAM, DISPLAY])

    assert seen == [False]
    assert not mend_notebook(live)
    assert plain_content(live)["cells"][0]["outputs"] == [STREAM, DISPLAY]
