"""What a project puts right in a notebook's records (syncdoc-jupyter §3.2)."""

from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.notebook_records.repairs import ensure_cell, renumber_if_needed
from cocalc_jupyter_ext.documents.syncdoc.records import Records


def test_an_empty_notebook_gets_a_cell_and_is_trusted() -> None:
    records = Records(NOTEBOOK_SCHEMA)

    ensure_cell(records, lambda: "new")
    ensure_cell(records, lambda: "another")

    cell = {"type": "cell", "id": "new", "pos": 0, "input": "", "cell_type": "code"}
    assert records.get() == [cell, {"type": "settings", "trust": True}]


def test_cells_are_renumbered_when_a_position_is_missing_or_used_twice() -> None:
    for odd in ({"pos": 2}, {}, {"pos": "3"}):
        cells = [{"id": "a", "pos": 2}, {"id": "b", **odd}, {"id": "c", "pos": 9}]
        records = Records(NOTEBOOK_SCHEMA, [{"type": "cell", **cell} for cell in cells])

        renumber_if_needed(records)

        assert sorted(cell["pos"] for cell in records.get()) == [0, 1, 2]
        assert records.get({"id": "c"})[0]["pos"] == 2


def test_good_positions_stay() -> None:
    records = Records(NOTEBOOK_SCHEMA, [{"type": "cell", "id": "a", "pos": -1.5}])

    renumber_if_needed(records)

    assert records.get()[0]["pos"] == -1.5
