"""What the replay of simultaneous patches has lost is given back to records (SPEC B9)."""

from collections.abc import Mapping
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.syncdoc.mending import (
    Wanted,
    mend_records,
    texts_of_records,
    touched_records,
)
from cocalc_jupyter_ext.documents.syncdoc.records import Records, RecordSchema

SCHEMA = RecordSchema(("type", "id"), frozenset({"input"}))
GONE: Wanted[Records] = Wanted(None, None)


def records(*cells: dict[str, Any]) -> Records:
    return Records(SCHEMA, [{"type": "cell", **cell} for cell in cells])


def text(text: str, model: Records | None = None) -> Wanted[Records]:
    return Wanted({"input": text}, model)


def mended(replayed: Records, wanted: Mapping[str, Wanted[Records]]) -> Records:
    return mend_records(replayed, {("cell", cell_id): each for cell_id, each in wanted.items()})


def test_a_text_gets_what_was_typed_and_other_fields_stay_as_replayed() -> None:
    replayed = records({"id": "a", "input": "one", "pos": 7}, {"id": "b", "input": "two"})

    result = mended(replayed, {"a": text("one more"), "b": text("two")})

    assert result.get() == [
        {"type": "cell", "id": "a", "input": "one more", "pos": 7},
        {"type": "cell", "id": "b", "input": "two"},
    ]
    assert replayed.get_one({"id": "a"}) == {"type": "cell", "id": "a", "input": "one", "pos": 7}


def test_a_cell_that_is_gone_comes_back_whole() -> None:
    model = records({"id": "a", "input": "one", "pos": 0, "cell_type": "markdown"})

    result = mended(records(), {"a": text("one more", model)})

    assert result.get() == [
        {"type": "cell", "id": "a", "input": "one more", "pos": 0, "cell_type": "markdown"}
    ]


def test_a_cell_that_came_back_by_one_field_gets_all_others_and_keeps_that_one() -> None:
    model = records({"id": "a", "input": "typed", "pos": 3, "state": "done"})

    result = mended(records({"id": "a", "state": "busy"}), {"a": text("typed", model)})

    assert result.get() == [
        {"type": "cell", "id": "a", "state": "busy", "pos": 3, "input": "typed"}
    ]


def test_a_deleted_cell_of_which_a_field_came_back_is_deleted() -> None:
    assert mended(records({"id": "a", "state": "busy"}), {"a": GONE}) == records()


def test_a_replay_in_which_nothing_is_amiss_is_left_alone() -> None:
    replayed = records({"id": "a", "input": "one", "pos": 7})

    assert mended(replayed, {"a": text("one"), "b": GONE}) is replayed


def test_records_whose_keys_are_no_texts_are_told_apart_as_json_does() -> None:
    base = records({"id": 1, "input": "one"}, {"id": True, "input": "yes"})
    one, yes = texts_of_records(base)

    result = mend_records(base, {one: text("one more"), yes: GONE})

    assert result == records({"id": 1, "input": "one more"})


def test_records_without_a_full_key_have_no_texts_of_their_own() -> None:
    assert texts_of_records(Records(SCHEMA, [{"type": "settings", "input": "x"}])) == {}


def test_the_text_of_a_cell_without_one_is_empty() -> None:
    assert texts_of_records(records({"id": "a"}, {"id": "b", "input": 5})) == {
        ("cell", "a"): {"input": ""},
        ("cell", "b"): {"input": ""},
    }


def test_patches_touch_what_they_name_and_nothing_else() -> None:
    base = records({"id": "a"}, {"id": "b"}, {"id": "c"})

    assert touched_records(base, [[1, [{"type": "cell", "id": "b"}], -1, [{"id": "c"}]]]) == (
        records({"id": "b"}, {"id": "c"})
    )
    assert touched_records(base, [[-1, [{}]]]) == base
    assert touched_records(base, [[1, ["rubbish"], 7, None]]) == records()


def test_no_text_of_a_whole_record_is_written_to_find_what_is_amiss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Outputs are large, and what was just replayed has no texts yet."""
    replayed = records({"id": "a", "input": "one", "pos": 0}, {"id": "b", "input": "two"})
    monkeypatch.setattr(Records, "by_text", lambda _self: pytest.fail("texts were written"))

    result = mended(replayed, {"a": text("one more"), "b": text("two")})

    assert [cell["input"] for cell in result.get()] == ["one more", "two"]
