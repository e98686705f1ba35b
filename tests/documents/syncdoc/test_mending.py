"""What the replay of simultaneous patches has lost is given back (SPEC B9)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.documents.syncdoc.mending import mend_records, unite_records
from cocalc_jupyter_ext.documents.syncdoc.records import Records, RecordSchema

SCHEMA = RecordSchema(("type", "id"), frozenset({"input"}))


def records(*cells: dict[str, Any]) -> Records:
    return Records(SCHEMA, [{"type": "cell", **cell} for cell in cells])


BASE = records({"id": "a", "input": "one", "pos": 0}, {"id": "b", "input": "two", "pos": 1})


def test_a_cell_that_one_deleted_and_the_other_typed_into_stays_with_its_text() -> None:
    ours = records(
        {"id": "a", "input": "one more", "pos": 0}, {"id": "b", "input": "two", "pos": 1}
    )
    theirs = records({"id": "b", "input": "two", "pos": 1})

    for wanted in (unite_records(BASE, theirs, ours), unite_records(BASE, ours, theirs)):
        assert wanted == ours
        assert mend_records(theirs, wanted) == ours


def test_a_cell_that_came_back_by_one_field_gets_all_others_and_keeps_that_one() -> None:
    wanted = records({"id": "a", "input": "typed", "pos": 3, "cell_type": "markdown"})
    replayed = records({"id": "a", "state": "busy"})

    mended = mend_records(replayed, wanted)

    assert mended.get() == [
        {"type": "cell", "id": "a", "state": "busy", "pos": 3, "cell_type": "markdown"}
        | {"input": "typed"}
    ]


def test_a_deleted_cell_that_only_ran_meanwhile_stays_deleted() -> None:
    ours = records({"id": "a", "input": "one", "pos": 0, "state": "busy"})
    theirs = records()
    base = records({"id": "a", "input": "one", "pos": 0})

    wanted = unite_records(base, theirs, ours)

    assert mend_records(records({"id": "a", "state": "busy"}), wanted) == records()


def test_a_replay_that_has_all_characters_is_left_alone() -> None:
    wanted = records({"id": "a", "input": "one two", "pos": 0})
    replayed = records({"id": "a", "input": "two one", "pos": 7})

    assert mend_records(replayed, wanted) is replayed


def test_records_without_a_full_key_are_left_to_the_replay() -> None:
    settings = Records(SCHEMA, [{"type": "settings", "kernel": "ir"}])

    assert mend_records(settings, records()) is settings
    assert unite_records(records(), settings, records()) == records()


def test_records_whose_keys_are_no_texts_are_told_apart_as_json_does() -> None:
    base = records({"id": 1, "input": "one"}, {"id": True, "input": "yes"})
    theirs = records({"id": 1, "input": "one more"}, {"id": True, "input": "yes"})
    ours = records({"id": 1, "input": "one"}, {"id": True, "input": "oh yes"})
    wanted = records({"id": 1, "input": "one more"}, {"id": True, "input": "oh yes"})

    assert unite_records(base, theirs, ours) == wanted
    assert mend_records(ours, wanted) == wanted


def test_no_text_of_a_whole_record_is_written_to_find_what_differs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Outputs are large, and what was just replayed has no texts yet."""
    ours = records({"id": "a", "input": "one more", "pos": 0}, {"id": "b", "input": "two"})
    theirs = records({"id": "b", "input": "two and more"})
    base = records({"id": "a", "input": "one", "pos": 0}, {"id": "b", "input": "two"})
    monkeypatch.setattr(Records, "by_text", lambda _self: pytest.fail("texts were written"))

    mended = mend_records(theirs, unite_records(base, theirs, ours))

    assert [cell["input"] for cell in mended.get()] == ["two and more", "one more"]
