"""The values that go into a stream and come out of it."""

from cocalc_jupyter_ext.conat.persist.messages import StoredMessage


def test_a_tombstone_is_known_by_its_header_and_not_by_its_payload() -> None:
    """conat-sync §8.4: tombstones by header."""
    nil = b"\xc0"

    assert StoredMessage(seq=1, time_ms=0, raw=nil, headers={"CN-Tombstone": True}).is_tombstone
    assert not StoredMessage(seq=1, time_ms=0, raw=nil).is_tombstone
    assert not StoredMessage(
        seq=1, time_ms=0, raw=nil, headers={"CN-Tombstone": False}
    ).is_tombstone
