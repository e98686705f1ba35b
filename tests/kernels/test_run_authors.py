from typing import Any

from cocalc_jupyter_ext.documents.syncdoc.patches import Patch
from cocalc_jupyter_ext.kernels.run_authors import asked_by

USERS = ["project", "ada", "bo"]


def patch(user_id: int, *changes: Any) -> Patch:
    return Patch(time=user_id + 1, changes=list(changes), user_id=user_id)


def start(*cell_ids: str) -> list[Any]:
    return [{"type": "cell", "id": cell_id, "state": "start"} for cell_id in cell_ids]


def test_it_was_who_set_the_state_of_the_cell_last() -> None:
    newest_first = [
        patch(0, 1, [{"type": "cell", "id": "a", "state": "run"}]),
        patch(2, -1, [{"type": "cell", "id": "x"}], 1, start("b", "a")),
        patch(1, 1, start("a", "c")),
    ]

    assert asked_by(newest_first, USERS, {"a"}) == "bo"
    assert asked_by(newest_first, USERS, {"c", "d"}) == "ada"


def test_it_is_not_known_if_no_patch_says_so_or_its_author_is_nobody() -> None:
    other = [{"type": "cell", "id": "a", "input": "1"}, {"id": "a", "state": "done"}]

    assert asked_by([patch(1, 1, other)], USERS, {"a"}) is None
    assert asked_by([patch(7, 1, start("a"))], USERS, {"a"}) is None


def test_patches_that_are_none_of_records_are_passed_over() -> None:
    strange = [patch(2), patch(2, 1), patch(2, 1, None), patch(2, 1, ["start"]), patch(2, "x", 1)]

    assert asked_by([*strange, patch(1, 1, start("a"))], USERS, {"a"}) == "ada"
