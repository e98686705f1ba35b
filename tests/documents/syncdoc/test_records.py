"""Documents of records (syncdoc-jupyter §2, §13 "DB documents")."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.syncdoc.records import FieldError, Records, RecordSchema

NOTEBOOK = RecordSchema(("type", "id"), frozenset({"input"}))


def notebook(*records: dict[str, object]) -> Records:
    return Records(NOTEBOOK, records)


def test_the_text_has_sorted_keys_and_sorted_lines() -> None:
    document = Records(
        RecordSchema(("key",)), [{"key": {"b": 1, "a": 2}, "x": 1}, {"x": 2, "key": [3, 4]}]
    )

    assert document.to_text() == '{"key":[3,4],"x":2}\n{"key":{"a":2,"b":1},"x":1}'


def test_text_and_back_preserves_all_types_of_json() -> None:
    values = {"a": None, "b": True, "c": 1.5, "d": "é\n", "e": [1, {"f": []}], "g": {}}
    document = notebook({"type": "cell", "id": "1", "value": values})

    assert Records.from_text(NOTEBOOK, document.to_text()) == document


def test_lines_that_hold_no_record_are_skipped_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        document = Records.from_text(NOTEBOOK, '{"type":"cell","id":"1"}\n\nrubbish\n[1]\n7')

    assert len(document) == 1
    assert len(caplog.records) == 3


def test_equality_ignores_order_and_options() -> None:
    one, two = {"type": "cell", "id": "1"}, {"type": "cell", "id": "2"}

    assert notebook(one, two) == Records(RecordSchema(("id",)), [two, one])
    assert notebook(one) != notebook(two)
    assert notebook(one).__eq__("text") is NotImplemented


def test_only_primary_key_fields_can_be_searched_for() -> None:
    document = notebook({"type": "cell", "id": "1", "pos": 0})

    with pytest.raises(FieldError, match="'pos' must be a primary key"):
        document.get({"pos": 0})


def test_an_empty_where_gives_all_and_the_first() -> None:
    document = notebook({"type": "cell", "id": "1"}, {"type": "settings"})

    assert len(document.get()) == 2
    assert document.get_one() == {"type": "cell", "id": "1"}
    assert notebook().get_one() is None


def test_a_compound_key_is_searched_by_one_or_both_fields_and_types_matter() -> None:
    document = notebook(
        {"type": "cell", "id": 123}, {"type": "cell", "id": "123"}, {"type": "user", "id": 123}
    )

    assert len(document.get({"type": "cell"})) == 2
    assert document.get({"id": "123"}) == [{"type": "cell", "id": "123"}]
    assert document.get_one({"type": "user", "id": 123}) == {"type": "user", "id": 123}
    assert document.get({"type": "user", "id": "123"}) == []


def test_a_record_without_a_key_field_is_not_matched_by_it() -> None:
    document = notebook({"type": "settings", "kernel": "python3"})

    assert document.get({"type": "settings", "id": "main"}) == []


def test_a_set_without_id_edits_the_one_record_of_its_type() -> None:
    """The singletons of a notebook have no id (§2.4)."""
    document = notebook({"type": "settings", "id": "main", "kernel": "python3"})

    document.set({"type": "settings", "trust": True})

    assert document.get() == [
        {"type": "settings", "id": "main", "kernel": "python3", "trust": True}
    ]


def test_a_set_of_two_records_updates_one_and_adds_one() -> None:
    document = notebook({"type": "cell", "id": "1", "pos": 0})

    document.set({"type": "cell", "id": "1", "pos": 7})
    document.set({"type": "cell", "id": "2", "pos": 8})

    assert [record["pos"] for record in document] == [7, 8]


def test_null_deletes_a_field_and_a_new_record_has_no_nulls() -> None:
    document = notebook({"type": "cell", "id": "1", "state": "done"})

    document.set({"type": "cell", "id": "1", "state": None})
    document.set({"type": "cell", "id": "2", "state": None, "output": {"0": None}})

    assert document.get() == [
        {"type": "cell", "id": "1"},
        {"type": "cell", "id": "2", "output": {"0": None}},
    ]


def test_maps_merge_one_level_deep_and_lists_are_replaced() -> None:
    document = notebook({"type": "cell", "id": "1", "tags": {"x": True, "d": {"a": 1}}, "l": [1]})

    document.set({"type": "cell", "id": "1", "tags": {"x": None, "d": {"b": 2}}, "l": [2]})

    assert document.get_one() == {"type": "cell", "id": "1", "tags": {"d": {"b": 2}}, "l": [2]}


def test_text_of_a_string_column_is_patched_or_replaced_and_nothing_else() -> None:
    document = notebook({"type": "cell", "id": "1", "input": "a = 1\n"})

    document.set({"type": "cell", "id": "1", "input": [[[[1, "# "], [0, "a = "]], 0, 0, 4, 6]]})
    assert document.get_one({"id": "1"}) == {"type": "cell", "id": "1", "input": "# a = 1\n"}
    with pytest.raises(FieldError, match="'input' must be a string"):
        document.set({"type": "cell", "id": "1", "input": 5})


def test_a_patch_of_text_that_is_not_there_is_dropped() -> None:
    """A cell that was deleted meanwhile comes back without its text (§2.3)."""
    document = notebook()

    document.set({"type": "cell", "id": "1", "pos": 1, "input": [[[[1, "x"]], 0, 0, 0, 1]]})

    assert document.get() == [{"type": "cell", "id": "1", "pos": 1}]


def test_a_set_that_changes_nothing_says_so() -> None:
    document = notebook({"type": "cell", "id": "1", "pos": 1})

    assert document.set({"type": "cell", "id": "1", "pos": 1}) is False
    assert document.set({"type": "cell", "id": "1", "pos": True}) is True


def test_all_matches_are_deleted_and_an_empty_where_deletes_everything() -> None:
    document = notebook(
        {"type": "cell", "id": "1"}, {"type": "cell", "id": "2"}, {"type": "settings"}
    )

    assert document.delete({"type": "cell"}) == 2
    assert document.get() == [{"type": "settings"}]
    assert document.delete() == 1
    assert len(document) == 0


def test_a_copy_is_a_document_of_its_own() -> None:
    document = notebook({"type": "cell", "id": "1", "pos": 1})
    other = document.copy()

    other.set({"type": "cell", "id": "1", "pos": 2})
    other.set({"type": "cell", "id": "2"})
    other.delete({"id": "2"})

    assert document.get() == [{"type": "cell", "id": "1", "pos": 1}]
    assert other.get() == [{"type": "cell", "id": "1", "pos": 2}]
    assert document.to_text() != other.to_text()


def test_changed_keys_are_those_of_records_in_only_one_of_two_documents() -> None:
    old = notebook({"type": "cell", "id": "1"}, {"type": "cell", "id": "2", "pos": 0})
    new = notebook({"type": "cell", "id": "1"}, {"type": "cell", "id": "2", "pos": 1})
    new.set({"type": "settings"})

    assert new.changed_keys(old) == [{"type": "cell", "id": "2"}, {"type": "settings"}] or (
        new.changed_keys(old) == [{"type": "settings"}, {"type": "cell", "id": "2"}]
    )


def test_what_became_of_records_is_told_in_pairs() -> None:
    before = notebook({"type": "cell", "id": "1"}, {"type": "cell", "id": "2"}, {"type": "a"})
    after = before.copy()
    after.set({"type": "cell", "id": "1", "pos": 5})
    after.delete({"type": "cell", "id": "2"})
    after.set({"type": "b"})

    assert after.edits_since(before) == [
        ({"type": "cell", "id": "1"}, {"type": "cell", "id": "1", "pos": 5}),
        (None, {"type": "b"}),
        ({"type": "cell", "id": "2"}, None),
    ]
    assert after.edits_since(after.copy()) == []


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["cell", "settings", None]),
        "id": st.sampled_from(["1", "2", 1, 1.0]),
        "pos": st.sampled_from([0, 1, 1.0, True]),
        "output": st.sampled_from([{"0": {"text": "a"}}, {"0": {"text": "b"}}]),
    },
)


@given(st.lists(FIELDS), st.lists(FIELDS), st.lists(FIELDS))
def test_what_only_one_document_has_is_told_by_the_texts_of_records(
    shared: list[dict[str, object]], ours: list[dict[str, object]], theirs: list[dict[str, object]]
) -> None:
    one = notebook(*shared, *ours)
    other = one.copy()
    other.delete({"id": "1"})
    for record in [*theirs, *ours]:
        other.set(record)
    before, after = one.by_text(), other.by_text()

    assert one.only_here(other) == [before[text] for text in before if text not in after]
    assert other.only_here(one) == [after[text] for text in after if text not in before]
    assert one.to_text() == notebook(*shared, *ours).to_text()


def test_documents_share_what_both_were_found_to_have() -> None:
    one = notebook({"type": "cell", "id": "1", "output": {"0": {"text": "long"}}})
    other = Records.from_text(NOTEBOOK, one.to_text())

    assert one.only_here(other) == []
    assert one.get_one() is other.get_one()


def test_texts_that_a_copy_has_written_are_those_of_what_did_not_change_since() -> None:
    one = notebook(*({"type": "cell", "id": name, "pos": 0} for name in "ab"))
    copy = one.copy()
    lines = copy.to_lines()
    one.set({"type": "cell", "id": "a", "pos": 1})

    one.take_texts(copy)

    assert [text for _, _, text in one.written()] == lines[1:]
    assert one.to_text() == Records(NOTEBOOK, one).to_text()
