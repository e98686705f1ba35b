"""Where a cell stands (syncdoc-jupyter §3.3)."""

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.notebook_records.positions import (
    in_order,
    needs_renumbering,
    spread,
)


def test_cells_stand_in_the_order_of_their_positions_and_without_one_in_front() -> None:
    cells = [
        {"id": "c", "pos": 1.5},
        {"id": "a", "pos": 2},
        {"id": "d"},
        {"id": "b", "pos": -3},
        {"id": "e", "pos": "x"},
    ]

    assert [cell["id"] for cell in in_order(cells)] == ["b", "d", "e", "c", "a"]


def test_cells_with_one_position_have_one_order_for_everybody() -> None:
    cells = [{"id": "b", "pos": 1}, {"id": "a", "pos": 1}]

    assert in_order(cells) == in_order(reversed(cells))


def test_missing_and_repeated_positions_need_repair() -> None:
    assert not needs_renumbering([{"pos": 0}, {"pos": 1.5}])
    assert needs_renumbering([{"pos": 0}, {"pos": 0}])
    assert needs_renumbering([{"pos": 0}, {}])


def test_new_cells_stand_between_their_neighbours_or_beyond_the_only_one() -> None:
    assert spread(1, 2, 1) == [1.5]
    assert spread(0, 4, 3) == [1, 2, 3]
    assert spread(None, 0, 2) == [-2, -1]
    assert spread(7, None, 2) == [8, 9]
    assert spread(None, None, 3) == [0, 1, 2]


@given(st.integers(-1000, 1000), st.integers(1, 1000), st.integers(1, 20))
def test_positions_are_strictly_between(before: int, distance: int, count: int) -> None:
    positions = spread(before, before + distance, count)

    assert positions == sorted(set(positions))
    assert before < positions[0]
    assert positions[-1] < before + distance
