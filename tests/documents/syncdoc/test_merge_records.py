"""Three versions of a document of records become one (design D5)."""

from itertools import permutations
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.syncdoc.merge_records import merge_records
from cocalc_jupyter_ext.documents.syncdoc.records import Records, RecordSchema

SCHEMA = RecordSchema(("type", "id"), frozenset({"input"}))


def records(*some: dict[str, Any]) -> Records:
    return Records(SCHEMA, some)


def cell(cell_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "cell", "id": cell_id, **fields}


A, B = cell("a", input="one", pos=0), cell("b", input="two", pos=1)
BASE = records(A, B)


def merged(theirs: Records, ours: Records, base: Records = BASE) -> list[Any]:
    """Return what is merged, and check that this changed no version."""
    before = [version.to_text() for version in (base, theirs, ours)]
    result = merge_records(base, theirs, ours)
    assert [version.to_text() for version in (base, theirs, ours)] == before
    return result.get()


def test_what_only_one_side_edited_is_taken_from_it() -> None:
    edited = records({**A, "input": "one more", "exec_count": 3}, B)

    assert records(*merged(edited, BASE)) == edited
    assert records(*merged(BASE, edited)) == edited


def test_edits_of_different_records_and_fields_are_all_taken() -> None:
    theirs = records({**A, "pos": 5}, B, cell("c", input="theirs"))
    ours = records({**A, "state": "busy"}, {**B, "input": "2"}, cell("d", input="ours"))

    assert records(*merged(theirs, ours)) == records(
        {**A, "pos": 5, "state": "busy"},
        {**B, "input": "2"},
        cell("c", input="theirs"),
        cell("d", input="ours"),
    )


def test_an_edit_that_is_on_both_sides_counts_once() -> None:
    """The process may have died after a commit and before it could note so (SPEC B6)."""
    theirs = records({**A, "input": "one typed and more"}, B, cell("c", input="new"))
    ours = records({**A, "input": "one typed"}, B, cell("c", input="new"))

    assert records(*merged(theirs, ours)) == theirs


def test_what_both_typed_into_one_record_is_there() -> None:
    theirs = records({**A, "input": "one theirs"}, B)
    ours = records({**A, "input": "ours one"}, B)

    assert merged(theirs, ours)[-1]["input"] == "ours one theirs"


def test_a_record_that_both_made_has_the_text_of_both() -> None:
    theirs, ours = records(cell("c", input="theirs")), records(cell("c", input="ours!"))

    (both,) = merged(theirs, ours, records())

    assert not (set("theirs") | set("ours!")) - set(both["input"])


def test_a_field_that_both_changed_differently_stays_as_ours() -> None:
    theirs, ours = records({**A, "pos": 5}, B), records({**A, "pos": 7}, B)

    assert records(*merged(theirs, ours)) == ours


def test_maps_are_merged_name_by_name() -> None:
    base = records({**A, "output": {"0": "old", "1": "gone"}})
    theirs = records({**A, "output": {"0": "old", "2": "theirs", "3": "T"}})
    ours = records({**A, "output": {"0": "new", "1": "gone", "3": "O"}})

    (both,) = merged(theirs, ours, base)

    assert both["output"] == {"0": "new", "2": "theirs", "3": "O"}


def test_maps_that_both_made_are_merged() -> None:
    theirs = records({**A, "metadata": {"name": "x"}}, B)
    ours = records({**A, "metadata": {"tags": ["y"]}}, B)

    assert merged(theirs, ours)[-1]["metadata"] == {"name": "x", "tags": ["y"]}


def test_a_field_that_one_side_took_away_is_gone_unless_the_other_changed_it() -> None:
    base = records({**A, "state": "busy", "start": 1})
    theirs, ours = records({**A, "start": 2}), records({**A, "state": "busy"})

    assert merged(theirs, ours, base) == [A]
    assert merged(records(A), records({**A, "state": "done"}), base) == [{**A, "state": "done"}]


@pytest.mark.parametrize("is_ours", [False, True])
def test_a_record_that_one_side_deleted_is_gone(is_ours: bool) -> None:
    versions = [records(B), records(A, {**B, "input": "2"})]

    assert merged(*(reversed(versions) if is_ours else versions)) == [{**B, "input": "2"}]


@pytest.mark.parametrize("is_ours", [False, True])
def test_a_record_that_one_side_deleted_and_the_other_edited_stays(is_ours: bool) -> None:
    kept = records({**A, "input": "one more"}, B)
    versions = [records(B), kept]

    result = merged(*(reversed(versions) if is_ours else versions))

    assert records(*result) == kept


def test_what_both_deleted_is_gone() -> None:
    assert merged(records(B), records(B)) == [B]


def test_the_settings_which_have_no_id_are_merged_too() -> None:
    base = records(A, {"type": "settings", "kernel": "python3"})
    theirs = records(A, {"type": "settings", "kernel": "sagemath"})
    ours = records(A, {"type": "settings", "kernel": "python3", "trust": True})

    assert records(*merged(theirs, ours, base)) == records(
        A, {"type": "settings", "kernel": "sagemath", "trust": True}
    )


@pytest.mark.parametrize("odd", [{"type": "cell"}, {}])
def test_a_record_whose_key_names_others_too_stays_as_theirs_and_takes_nothing_with_it(
    odd: dict[str, Any],
) -> None:
    versions = [
        records({**odd, "pos": 8}, A, B),
        records({**odd, "pos": 9}, A, {**B, "pos": 2}),
        records(A, B, cell("c")),
    ]

    for base, theirs, ours in permutations(versions):
        result = records(*merged(theirs, ours, base))
        assert result.get({"id": "a"}) == [A]
        assert len(result.get({"id": "b"})) == 1
        assert _without_id(result) == _without_id(theirs)


def _without_id(some: Records) -> list[Any]:
    return [record for record in some if "id" not in record]


def test_what_did_not_change_is_the_very_same_record() -> None:
    """So its text need not be written again: outputs are long."""
    result = merge_records(BASE, BASE, records(dict(A), {**B, "pos": 9}))

    assert result.get_one({"id": "a"}) is A
