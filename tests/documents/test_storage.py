"""What is known of files."""

from cocalc_jupyter_ext.documents.storage import FileVersion


def test_a_file_of_the_same_hash_is_the_same_whenever_it_was_written() -> None:
    written = FileVersion("today", "hash", modified_ms=1, changed_ms=1)

    assert written.same_bytes(FileVersion("tomorrow", "hash", modified_ms=2, changed_ms=2))
    assert not written.same_bytes(FileVersion("today", "other", modified_ms=1, changed_ms=1))


def test_without_a_hash_a_file_of_the_same_stamp_is_the_same() -> None:
    written = FileVersion("today", "hash")

    assert written.same_bytes(FileVersion("today"))
    assert not written.same_bytes(FileVersion("tomorrow"))
