"""Patches and snapshots as they lie in the stream (syncdoc-jupyter §1.5)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.syncdoc.patches import (
    Patch,
    PatchError,
    Snapshot,
    read_message,
    to_message,
)

MESSAGE = {
    "time": 1700000000001,
    "wall": 1700000000000,
    "patch": '[[[[1,"é"]],0,0,0,1]]',
    "user_id": 1,
    "is_snapshot": False,
    "parents": [1700000000000],
    "version": 2,
}


def test_a_patch_is_read_and_written_as_it_lies_in_the_stream() -> None:
    patch = read_message(MESSAGE)

    assert isinstance(patch, Patch)
    assert patch.changes == [[[[1, "é"]], 0, 0, 0, 1]]
    assert patch.parents == (1700000000000,)
    assert patch.size == len(MESSAGE["patch"])  # type: ignore[arg-type]  # it is the text
    assert to_message(patch) == MESSAGE
    assert to_message(patch, has_format=True) == {**MESSAGE, "format": 1}


def test_halves_of_characters_are_escaped_so_that_they_can_be_sent() -> None:
    patch = Patch(time=1, changes=[[[[1, "\ud83d"]], 0, 0, 0, 1]], user_id=0)

    text = to_message(patch)["patch"]

    assert text.encode() == b'[[[[1,"\\ud83d"]],0,0,0,1]]'


def test_a_patch_without_parents_or_version_is_a_root() -> None:
    patch = read_message({"time": 5, "patch": "[]"})

    assert isinstance(patch, Patch)
    assert (patch.parents, patch.version, patch.shown_ms, patch.user_id) == ((), None, 5, 0)


@pytest.mark.parametrize(
    "other",
    [
        {"time": 1700000000001.0},
        {"wall": 1700000000000.0},
        {"user_id": 1.0},
        {"version": 2.0},
        {"parents": [1700000000000.0]},
        {"parents": [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)]},
    ],
)
def test_whole_numbers_are_the_same_in_each_form(other: dict[str, Any]) -> None:
    assert read_message({**MESSAGE, **other}) == read_message(MESSAGE)


@pytest.mark.parametrize("field", ["wall", "version", "parents", "user_id", "patch"])
def test_a_patch_may_lack_what_is_not_needed(field: str) -> None:
    message = {name: value for name, value in MESSAGE.items() if name != field}
    absent = {"user_id": 0, "patch": "[]"}.get(field)

    assert read_message(message) == read_message({**MESSAGE, field: absent})


@pytest.mark.parametrize(
    "wrong", [{"time": True}, {"parents": [True]}, {"user_id": "1"}, {"version": False}]
)
def test_a_patch_with_one_wrong_field_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PatchError):
        read_message({**MESSAGE, **wrong})


def test_the_length_of_a_patch_counts_as_javascript_does() -> None:
    patch = read_message({**MESSAGE, "patch": '[[[[1,"🐍"]],0,0,0,2]]'})

    assert isinstance(patch, Patch)
    assert patch.size == len('[[[[1,"🐍"]],0,0,0,2]]') + 1


def test_dates_of_old_documents_are_times() -> None:
    patch = read_message({"time": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), "patch": "[]"})

    assert patch.time == 1700000000000


def test_changes_that_cannot_be_read_change_nothing_but_keep_their_place() -> None:
    for text in ("{", '{"a":1}', 7, "[" * 100_000):
        patch = read_message({"time": 5, "patch": text})
        assert isinstance(patch, Patch)
        assert patch.changes == []


def test_a_snapshot_is_read_and_written_as_it_lies_in_the_stream() -> None:
    message = {
        "time": 300,
        "wall": 300,
        "is_snapshot": True,
        "snapshot": "a🐍",
        "size": 3,
        "user_id": 1,
        "seq_info": {"seq": 301, "prev_seq": 7},
    }

    snapshot = read_message(message)

    assert snapshot == Snapshot(time=300, text="a🐍", user_id=1, seq=301, previous_seq=7)
    assert to_message(snapshot) == message


@pytest.mark.parametrize(
    "message",
    [
        None,
        7,
        {},
        {"time": "soon", "patch": "[]"},
        {"time": 1.5, "patch": "[]"},
        {"time": float("inf"), "patch": "[]"},
        {"time": True, "patch": "[]"},
        {"time": 1, "patch": "[]", "parents": 3},
        {"time": 1, "patch": "[]", "parents": ["x"]},
        {"time": 1, "is_snapshot": True},
        {"time": 1, "is_snapshot": True, "snapshot": "text"},
        {"time": 1, "is_snapshot": True, "snapshot": "text", "seq_info": {}},
    ],
)
def test_what_is_neither_is_refused(message: Any) -> None:
    with pytest.raises(PatchError):
        read_message(message)


def test_changes_of_a_stored_patch_are_read_when_somebody_looks() -> None:
    """A long history is listed without reading all of it (§1.19)."""
    message = {"time": 5, "patch": '[[[[1,"a"]],0,0,0,1]]', "user_id": 0, "parents": []}

    patch = read_message(message)

    assert isinstance(patch, Patch)
    assert patch.size == 21
    assert patch == Patch(time=5, changes=[[[[1, "a"]], 0, 0, 0, 1]], user_id=0, size=21)
    assert patch.changes is patch.changes
    with pytest.raises(AttributeError):
        patch.nothing  # type: ignore[attr-defined]  # that is the point  # noqa: B018
