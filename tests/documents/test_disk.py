import itertools

import pytest

from cocalc_jupyter_ext.documents.disk import DiskDecision, decide


@pytest.mark.parametrize(
    ("exists", "changed", "unsaved", "decision"),
    [
        (True, False, False, DiskDecision.IN_STEP),
        (True, False, True, DiskDecision.WRITE_FILE),
        (True, True, False, DiskDecision.TAKE_FILE),
        (True, True, True, DiskDecision.KEEP_BOTH),
    ],
)
def test_the_two_facts_decide(
    exists: bool, changed: bool, unsaved: bool, decision: DiskDecision
) -> None:
    assert decide(file_exists=exists, file_changed=changed, unsaved_edits=unsaved) is decision


def test_a_missing_file_is_never_written_or_taken() -> None:
    for changed, unsaved in itertools.product([False, True], repeat=2):
        assert (
            decide(file_exists=False, file_changed=changed, unsaved_edits=unsaved)
            is DiskDecision.FILE_GONE
        )
