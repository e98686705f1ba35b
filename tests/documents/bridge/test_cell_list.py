"""The shared cells by id (SPEC B8, B10)."""

from itertools import count

from jupyter_ydoc import YNotebook

from cocalc_jupyter_ext.documents.bridge.cell_list import CellList
from cocalc_jupyter_ext.documents.bridge.shared_cells import insert_cell

from ...support.notebooks import notebook


def opened(*sources: str) -> tuple[YNotebook, CellList]:
    shared = YNotebook()
    shared.set(notebook(*sources))
    numbers = count()
    return shared, CellList(shared, lambda: f"new{next(numbers)}")


def shown(shared: YNotebook) -> list[tuple[str, str]]:
    return [(cell.get("id"), str(cell["source"])) for cell in shared.ycells]


def test_an_exact_double_goes_and_one_that_differs_gets_an_id_of_its_own() -> None:
    shared, cells = opened("one", "two")
    for source in ("one", "one and more"):
        insert_cell(shared, 2, {**notebook(source)["cells"][0], "id": "c0"})
    assert not cells.is_tidy

    cells.tidy()

    assert cells.is_tidy
    assert shown(shared) == [("c0", "one"), ("c1", "two"), ("new0", "one and more")]


def test_a_cell_without_id_gets_one() -> None:
    shared, cells = opened("one", "two")
    del shared.ycells[1]["id"]
    assert not cells.is_tidy

    cells.tidy()

    assert shown(shared) == [("c0", "one"), ("new0", "two")]


def test_what_others_moved_is_moved_and_the_rest_stays_untouched() -> None:
    shared, cells = opened("one", "two", "three")
    first = shared.ycells[0]["source"]

    cells.arrange(["c1", "c0", "c2"], lambda _id: {}, ["c1"])
    first.insert(0, "still ")

    assert shown(shared) == [("c1", "two"), ("c0", "still one"), ("c2", "three")]
    assert cells.ids == ["c1", "c0", "c2"]


def test_a_cell_that_moves_while_it_runs_still_runs() -> None:
    shared, cells = opened("one", "two")
    shared.ycells[1]["execution_state"] = "running"

    cells.arrange(["c1", "c0"], lambda _id: {}, ["c1"])

    assert shared.ycells[0]["execution_state"] == "running"
