"""What becomes of a save request that the project did not know of (syncdoc-jupyter §1.17)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.sync.dko_rows import field_key
from cocalc_jupyter_ext.conat.sync.merge import Conflict
from cocalc_jupyter_ext.documents.syncdoc.save_requests import keep_request

REQUEST = {"state": "requested", "error": "", "expected_hash": 5, "time": 1}


def decided(local: Any, remote: Any, field: str = "save") -> Any:
    return keep_request(Conflict(field_key("id", field), local, remote))


def test_a_request_outlives_a_note_and_keeps_what_the_file_has() -> None:
    assert decided({"state": "done", "hash": 3}, REQUEST) == {**REQUEST, "hash": 3}
    assert decided({"state": "done", "error": "disk full"}, REQUEST) == REQUEST
    assert decided({"state": "done", "expected_hash": 4}, REQUEST) == REQUEST


def test_the_answer_to_a_request_is_not_taken_back_by_it() -> None:
    assert decided({**REQUEST, "state": "done", "hash": 5}, {**REQUEST, "time": 9}) is None


@pytest.mark.parametrize("remote", [None, 5, {"state": "done"}, {}])
def test_in_any_other_conflict_the_projects_word_counts(remote: Any) -> None:
    assert decided({"state": "done"}, remote) is None
    assert decided(None, remote) is None


def test_other_fields_are_left_alone() -> None:
    assert decided({"state": "done"}, REQUEST, field="settings") is None
    assert keep_request(Conflict("id", {"state": "done"}, REQUEST)) is None
