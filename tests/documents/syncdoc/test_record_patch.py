"""Patches of documents of records (syncdoc-jupyter §1.7, §13 "DB documents")."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.syncdoc.record_patch import apply_record_patch, make_record_patch
from cocalc_jupyter_ext.documents.syncdoc.records import Records, RecordSchema

SCHEMA = RecordSchema(("type", "id"), frozenset({"input"}))
CELL = {"type": "cell", "id": "a1b2c3"}


def patch(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[Any]:
    return make_record_patch(Records(SCHEMA, old), Records(SCHEMA, new))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param([], [{**CELL, "pos": 0, "input": ""}],
            [1, [{**CELL, "pos": 0, "input": ""}]], id="new cell"),
        pytest.param(
            [{**CELL, "input": "a = 1\n"}],
            [{**CELL, "input": "a = 12\nb = 3\n", "state": "start", "start": 1751552941123}],
            [1, [{**CELL, "input": [[[[0, "a = 1"], [1, "2\nb = 3"], [0, "\n"]], 0, 0, 6, 13]],
                "state": "start", "start": 1751552941123}]],
            id="text edited and run requested"),
        pytest.param(
            [{**CELL, "output": {"0": {"name": "stdout", "text": "a\n"}}}],
            [{**CELL, "output": {"0": {"name": "stdout", "text": "a\n"},
                "1": {"name": "stdout", "text": "x\n"}}}],
            [1, [{**CELL, "output": {"1": {"name": "stdout", "text": "x\n"}}}]],
            id="second output message appended"),
        pytest.param([{**CELL, "output": {"0": {}}}], [CELL], [1, [{**CELL, "output": None}]],
            id="output cleared"),
        pytest.param([{**CELL, "tags": {"x": True}}], [{**CELL, "tags": {"y": True}}],
            [1, [{**CELL, "tags": {"x": None, "y": True}}]], id="tag x removed, tag y added"),
        pytest.param([CELL, {"type": "settings"}], [{"type": "settings", "kernel": "python3"}],
            [-1, [CELL], 1, [{"type": "settings", "kernel": "python3"}]],
            id="cell deleted, kernel chosen"),
        pytest.param([CELL], [], [-1, [{}]], id="everything deleted"),
        pytest.param([CELL, {"type": "settings"}], [CELL], [-1, [{"type": "settings"}]],
            id="one record deleted"),
        pytest.param([CELL], [CELL], [], id="nothing changed"),
        pytest.param([{**CELL, "l": [1, 2]}], [{**CELL, "l": [1, 3]}], [1, [{**CELL, "l": [1, 3]}]],
            id="lists are replaced as a whole"),
        pytest.param([{**CELL, "input": "x"}], [CELL], [1, [{**CELL, "input": None}]],
            id="text deleted"),
        pytest.param([CELL], [{**CELL, "input": "x"}], [1, [{**CELL, "input": "x"}]],
            id="text where there was none"),
    ],
)  # fmt: skip
def test_a_patch_says_what_changed(
    old: list[dict[str, Any]], new: list[dict[str, Any]], expected: list[Any]
) -> None:
    assert patch(old, new) == expected


def test_one_deletion_one_insertion_and_one_change_have_one_pair_each_and_can_be_reversed() -> None:
    old = Records(SCHEMA, [{"type": "a", "id": 1}, {"type": "b", "id": 1, "x": 1}])
    new = Records(SCHEMA, [{"type": "b", "id": 1, "x": 2}, {"type": "c", "id": 1}])

    there, back = make_record_patch(old, new), make_record_patch(new, old)

    assert [there[0], there[2], len(there)] == [-1, 1, 4]
    again = old.copy()
    apply_record_patch(there, again)
    assert again == new
    apply_record_patch(back, again)
    assert again == old


def test_a_patch_of_another_document_does_not_give_the_original() -> None:
    old = Records(SCHEMA, [{"type": "a", "id": 1, "x": 1}])
    new = Records(SCHEMA, [{"type": "a", "id": 1, "x": 2}])
    other = Records(SCHEMA, [{"type": "z", "id": 9}])

    apply_record_patch(make_record_patch(old, new), other)

    assert other != new


def test_a_map_is_replaced_by_null_and_then_its_new_value() -> None:
    document = Records(SCHEMA, [{**CELL, "metadata": {"a": 1, "b": 2}}])
    changed = document.copy()
    changed.set({**CELL, "metadata": None})
    changed.set({**CELL, "metadata": {"b": 3}})

    assert make_record_patch(document, changed) == [
        1, [{**CELL, "metadata": {"a": None, "b": 3}}]
    ]  # fmt: skip


def test_unknown_operations_are_skipped() -> None:
    document = Records(SCHEMA, [CELL])

    apply_record_patch([7, ["what"], -1, [CELL]], document)

    assert len(document) == 0


values = st.none() | st.integers(0, 3) | st.text("ab🐍", max_size=5) | st.lists(st.integers(0, 2))
records = st.fixed_dictionaries(
    {"type": st.sampled_from("ab"), "id": st.integers(0, 3)},
    optional={
        "input": st.text("ab🐍\n", max_size=9),
        "x": values.filter(lambda value: value is not None),
        "map": st.dictionaries(st.sampled_from("pq"), st.integers(0, 2), max_size=2),
    },
)
documents = st.lists(records, max_size=6, unique_by=lambda record: (record["type"], record["id"]))


@given(documents, documents)
def test_a_patch_leads_from_any_document_to_any_other(
    old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> None:
    document, wanted = Records(SCHEMA, old), Records(SCHEMA, new)

    apply_record_patch(make_record_patch(document, wanted), document)

    assert document == wanted
