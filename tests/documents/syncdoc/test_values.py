"""The two kinds of values (syncdoc-jupyter §1.6, §1.7, §13 "String documents")."""

from cocalc_jupyter_ext.documents.syncdoc.records import RecordSchema
from cocalc_jupyter_ext.documents.syncdoc.values import RecordsKind, TextKind

NOTEBOOK = RecordsKind(RecordSchema(("type", "id"), frozenset({"input"})))


def test_a_text_is_its_own_text_and_changes_by_hunks() -> None:
    kind = TextKind()

    assert kind.empty() == ""
    assert kind.to_text(kind.from_text("abc")) == "abc"
    assert kind.apply(kind.edit("abc"), kind.difference("abc", "abcd")) == "abcd"


def test_records_change_by_operations_and_the_value_before_stays_as_it_was() -> None:
    before = NOTEBOOK.from_text('{"id":"1","type":"cell"}')

    after = NOTEBOOK.apply(NOTEBOOK.edit(before), [-1, [{"id": "1"}]])

    assert NOTEBOOK.to_text(before) == '{"id":"1","type":"cell"}'
    assert NOTEBOOK.to_text(after) == ""
    assert NOTEBOOK.difference(before, after) == [-1, [{}]]


def test_a_patch_that_fails_half_way_changes_nothing() -> None:
    before = NOTEBOOK.from_text('{"id":"1","type":"cell"}')

    for changes in ([1, [{"type": "x"}, 5]], [-1, [{"id": "1"}, {"pos": 3}]], [1, 7], [-1, [None]]):
        after = NOTEBOOK.apply(NOTEBOOK.edit(before), changes)
        assert after == before
