"""What is known of files."""

import pytest

from cocalc_jupyter_ext.documents.storage import FileVersion


@pytest.mark.parametrize(
    ("modified", "modified_ms"),
    [
        ("2025-07-03T14:29:01.123456+00:00", 1_751_552_941_123),
        ("2025-07-03T16:29:01.123456+02:00", 1_751_552_941_123),
        ("2020-01-01T00:00:00+00:00 1751552941123456789", 1_751_552_941_123),
        ("", None),
        ("version 7", None),
    ],
)
def test_when_a_file_was_written_is_known_where_its_stamp_is_a_time(
    modified: str, modified_ms: int | None
) -> None:
    assert FileVersion(modified).modified_ms == modified_ms
