"""The grading metadata of cells: older versions, ids, points (syncdoc-jupyter §9.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.project.nbgrader.metadata import (
    free_grade_id,
    grading_of,
    points_of,
    unique_grade_ids,
    upgraded,
)


@pytest.mark.parametrize("version", [None, 1, 2])
def test_older_metadata_get_a_value_for_each_flag_and_lose_a_false_remove(
    version: int | None,
) -> None:
    old = {"grade": True, "grade_id": "g", "remove": False, "schema_version": version}
    wanted = {"grade": True, "locked": False, "solution": False, "task": False}

    assert upgraded(old) == {**wanted, "grade_id": "g", "schema_version": 3}
    assert upgraded({**old, "remove": True})["remove"] is True


def test_metadata_of_now_stay_as_they_are() -> None:
    assert upgraded({"schema_version": 3, "remove": False}) == {
        "schema_version": 3,
        "remove": False,
    }


def test_of_equal_ids_the_first_stays_and_the_others_get_numbers() -> None:
    cells = [
        ("a", {"grade_id": "g"}),
        ("b", {"grade_id": "g"}),
        ("c", None),
        ("d", {"grade_id": "g1"}),
        ("e", {}),
        ("f", {"grade_id": "two words"}),
        ("h", {"grade_id": "g"}),
    ]
    assert unique_grade_ids(cells) == {"b": "g2", "e": "e", "f": "twowords", "h": "g3"}


@given(
    st.lists(st.tuples(st.uuids().map(str), st.sampled_from(["g", "g1", "g2", "", "a b", None])))
)
def test_all_ids_are_different_and_without_white_space_afterwards(
    cells: list[tuple[str, str | None]],
) -> None:
    graded = [(cell_id, {"grade_id": grade_id}) for cell_id, grade_id in cells]
    changes = unique_grade_ids(graded)

    ids = [changes.get(cell_id, str(grading["grade_id"])) for cell_id, grading in graded]
    assert len(set(ids)) == len(ids)
    assert all(each and not any(sign.isspace() for sign in each) for each in ids)


def test_a_free_id_is_the_wanted_one_or_has_a_number() -> None:
    assert free_grade_id("x", ["y"]) == "x"
    assert free_grade_id("x", ["x", "x1"]) == "x2"
    assert free_grade_id(" ", []) == "cell"


def test_points_are_numbers_from_0() -> None:
    assert [points_of({"points": p}) for p in (2, 0.5, 0, -1, "3", True, None, float("inf"))] == [
        2, 0.5, 0, 0, 0, 0, 0, 0,
    ]  # fmt: skip
    assert points_of({}) == 0


def test_what_is_no_map_is_no_grading() -> None:
    assert grading_of({"nbgrader": "x"}) is None
    assert grading_of(None) is None
    assert grading_of({"nbgrader": {"grade": True}}) == {"grade": True}
