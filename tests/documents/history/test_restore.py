"""What a document is after a version was restored."""

from typing import Any

import pytest

from cocalc_jupyter_ext.documents.history.errors import NoCells, NoSuchCells
from cocalc_jupyter_ext.documents.history.restore import restored
from cocalc_jupyter_ext.documents.history.shapes import shape_of
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.notebook_records.positions import in_order
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.records import Records

NOTEBOOK = shape_of(DocumentType(NOTEBOOK_SCHEMA))
TEXT = shape_of(DocumentType())


def cell(cell_id: str, pos: Any, source: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "cell", "id": cell_id, "pos": pos, "input": source or cell_id, **more}


def records(*found: dict[str, Any]) -> Records:
    return Records(NOTEBOOK_SCHEMA, found)


def order(value: Records) -> str:
    return " ".join(str(each["id"]) for each in in_order(value.get({"type": "cell"})))


def one(value: Records, cell_id: str) -> dict[str, Any]:
    found = value.get_one({"type": "cell", "id": cell_id})
    assert found is not None
    return dict(found)


def test_text_is_what_it_was() -> None:
    assert restored(TEXT, "now", "then") == "then"


def test_text_has_no_cells() -> None:
    with pytest.raises(NoCells):
        restored(TEXT, "now", "then", ["a"])


def test_a_whole_notebook_is_what_it_was() -> None:
    then = records(cell("a", 0, "old"), cell("b", 1))
    now = records(cell("a", 5, "new"), cell("c", 1))

    value = restored(NOTEBOOK, now, then)

    assert value == then
    assert now == records(cell("a", 5, "new"), cell("c", 1))


def test_single_cells_are_restored_and_others_stay() -> None:
    then = records(cell("a", 0, "old a"), cell("b", 1, "old b"), cell("c", 2, "old c"))
    now = records(cell("a", 0, "new a"), cell("b", 1, "new b"), cell("c", 2, "new c"))

    value = restored(NOTEBOOK, now, then, ["b"])

    assert value == records(cell("a", 0, "new a"), cell("b", 1, "old b"), cell("c", 2, "new c"))


def test_a_restored_cell_loses_what_it_did_not_have() -> None:
    then = records(cell("a", 0))
    now = records(cell("a", 0, output={"0": {"name": "stdout", "text": "x"}}, tags={"t": True}))

    assert one(restored(NOTEBOOK, now, then, ["a"]), "a") == cell("a", 0)


def test_a_cell_that_exists_stays_at_its_place() -> None:
    then = records(cell("a", 0, "old"), cell("b", 1), cell("c", 2))
    now = records(cell("b", 1), cell("c", 2), cell("a", 3, "new"))

    value = restored(NOTEBOOK, now, then, ["a"])

    assert (order(value), one(value, "a")["input"]) == ("b c a", "old")


@pytest.mark.parametrize(
    ("gone", "now", "expected"),
    [
        ("b", "a c d", "a b c d"),
        ("a", "b c d", "a b c d"),
        ("d", "a b c", "a b c d"),
        ("c", "d a x b", "d a x b c"),
        ("b", "x c", "x b c"),
        ("b", "x y", "x y b"),
    ],
)
def test_a_cell_that_is_gone_comes_back_next_to_its_old_neighbours(
    gone: str, now: str, expected: str
) -> None:
    then = records(*(cell(name, index) for index, name in enumerate("abcd")))
    present = records(*(cell(name, index) for index, name in enumerate(now.split())))

    assert order(restored(NOTEBOOK, present, then, [gone])) == expected


def test_several_neighbours_come_back_in_their_order() -> None:
    then = records(*(cell(name, index) for index, name in enumerate("abcde")))
    now = records(cell("a", 0), cell("e", 1))

    assert order(restored(NOTEBOOK, now, then, ["d", "b", "c"])) == "a b c d e"


def test_the_only_cells_can_come_back() -> None:
    then = records(cell("a", 0), cell("b", 1))

    assert order(restored(NOTEBOOK, records(), then, ["a", "b"])) == "a b"


@pytest.mark.parametrize("pos", [None, 1, "three", 1.0 + 2**-52])
def test_all_positions_differ_afterwards(pos: Any) -> None:
    then = records(cell("a", 0), cell("b", 1), cell("c", 2))
    now = records(cell("a", 1), cell("c", 2), {**cell("x", pos), "pos": pos})

    value = restored(NOTEBOOK, now, then, ["b"])
    positions = [each["pos"] for each in value.get({"type": "cell"})]

    assert all(isinstance(each, int | float) for each in positions)
    assert len(set(positions)) == 4
    assert [name for name in order(value).split() if name != "x"] == ["a", "b", "c"]


@pytest.mark.parametrize("place", [{}, {"pos": "first"}, {"pos": True}])
def test_a_neighbour_without_a_place_gets_one(place: dict[str, Any]) -> None:
    then = records(cell("a", 0), cell("b", 1))
    now = records({"type": "cell", "id": "a", "input": "new", **place})

    value = restored(NOTEBOOK, now, then, ["b"])

    assert (order(value), one(value, "a")["input"]) == ("a b", "new")


def test_cells_that_the_version_does_not_have_are_refused() -> None:
    with pytest.raises(NoSuchCells, match="x, y"):
        restored(NOTEBOOK, records(cell("x", 0)), records(cell("a", 0)), ["a", "x", "y"])


@pytest.mark.parametrize("state", ["start", "run", "busy"])
@pytest.mark.parametrize("cells", [None, ["a"]])
def test_restoring_never_runs_a_cell(state: str, cells: list[str] | None) -> None:
    then = records(cell("a", 0, state=state, start=17))

    assert one(restored(NOTEBOOK, records(cell("a", 0)), then, cells), "a") == cell("a", 0)


def test_a_run_that_is_going_on_is_not_forgotten() -> None:
    then = records(cell("a", 0, "old", state="done", start=1, end=2))
    now = records(cell("a", 0, "new", state="busy", start=17))

    value = restored(NOTEBOOK, now, then)

    assert one(value, "a") == cell("a", 0, "old", state="busy", start=17)


def test_the_session_stays_as_it_is() -> None:
    then = records(
        {"type": "settings", "kernel": "python3", "metadata": {"k": 1}, "trust": True},
        {"type": "fatal", "error": "cannot be read"},
    )
    now = records(
        {"type": "settings", "kernel": "ir", "kernel_state": "busy", "backend_state": "running"},
        {"type": "file", "last_load": 3},
        {"type": "user", "id": 0, "time": 4},
    )

    assert restored(NOTEBOOK, now, then) == records(
        {
            "type": "settings",
            "kernel": "python3",
            "metadata": {"k": 1},
            "kernel_state": "busy",
            "backend_state": "running",
        },
        {"type": "file", "last_load": 3},
        {"type": "user", "id": 0, "time": 4},
    )


def test_what_a_kernel_tells_of_its_language_stays_while_the_kernel_stays() -> None:
    """Front ends write it once for each kernel and show code without colours when it is gone."""
    language = {"language_info": {"name": "python"}}
    old = {"type": "settings", "kernel": "python3", "metadata": {"k": 1}}
    now = records({"type": "settings", "kernel": "python3", "metadata": {"k": 2, **language}})

    same_kernel = restored(NOTEBOOK, now, records(old))
    other_kernel = restored(NOTEBOOK, now, records({**old, "kernel": "ir"}))

    assert same_kernel == records({**old, "metadata": {"k": 1, **language}})
    assert other_kernel == records({**old, "kernel": "ir"})


def test_other_records_are_what_they_were() -> None:
    shape = shape_of(DocumentType.from_wire({"type": "db", "opts": {"primary_keys": ["id"]}}))
    then = shape.kind.from_text('{"id":"1","x":1}')

    assert restored(shape, shape.kind.empty(), then) == then
