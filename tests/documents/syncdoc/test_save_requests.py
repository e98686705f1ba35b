"""What becomes of a save request that the project did not know of (syncdoc-jupyter §1.17)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.sync.dko_rows import field_key
from cocalc_jupyter_ext.conat.sync.merge import Conflict
from cocalc_jupyter_ext.documents.syncdoc.save_requests import is_same_request, keep_request

REQUEST = {"state": "requested", "error": "", "expected_hash": 5, "time": 1}


def decided(local: Any, remote: Any, field: str = "save", *, known: Any = None) -> Any:
    return keep_request(Conflict(field_key("id", field), local, remote, known))


def test_a_request_outlives_a_note_and_keeps_what_the_file_has() -> None:
    assert decided({"state": "done", "hash": 3}, REQUEST) == {**REQUEST, "hash": 3}
    assert decided({"state": "done", "error": "disk full"}, REQUEST) == REQUEST
    assert decided({"state": "done", "expected_hash": 4}, REQUEST) == REQUEST


def test_the_answer_to_a_request_is_not_taken_back_by_it() -> None:
    """Clients send again what they have not seen come back (conat-sync §4.2)."""
    answer = {**REQUEST, "state": "done", "hash": 5}
    assert decided(answer, {**REQUEST, "hash": 3}, known=REQUEST) is None


def test_who_asks_again_gets_an_answer_of_their_own() -> None:
    answer = {**REQUEST, "state": "done", "error": "disk full"}
    again = {**REQUEST, "time": 9}
    assert decided(answer, again, known=REQUEST) == again


def test_a_note_is_no_answer_to_who_asks_for_what_was_saved_some_time_before() -> None:
    """As after undoing: the record still says what the last request expected."""
    note = {**REQUEST, "state": "done", "hash": 6, "time": 2}
    request = {**REQUEST, "time": 9}
    assert decided(note, request, known=note) == {**request, "hash": 6}


def test_requests_differ_by_what_is_expected_and_by_their_time() -> None:
    assert is_same_request(REQUEST, {**REQUEST, "state": "done", "hash": 1})
    assert not is_same_request(REQUEST, {**REQUEST, "time": 2})
    assert not is_same_request(REQUEST, {**REQUEST, "expected_hash": 6})


@pytest.mark.parametrize("remote", [None, 5, {"state": "done"}, {}])
def test_in_any_other_conflict_the_projects_word_counts(remote: Any) -> None:
    assert decided({"state": "done"}, remote) is None
    assert decided(None, remote) is None


def test_other_fields_are_left_alone() -> None:
    assert decided({"state": "done"}, REQUEST, field="settings") is None
    assert keep_request(Conflict("id", {"state": "done"}, REQUEST)) is None
