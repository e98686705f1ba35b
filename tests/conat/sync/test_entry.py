"""One message of a mirror: what is kept of it (conat-sync §3.2)."""

import tracemalloc

import pytest

from cocalc_jupyter_ext.conat.persist.messages import StoredMessage
from cocalc_jupyter_ext.conat.protocol.codec import encode
from cocalc_jupyter_ext.conat.sync.entry import Entry, PayloadGone

LONG = "a long text " * 1_000
HEADERS = {"by": "ann"}


def stored(value: object, seq: int = 7, time_ms: int = 99) -> StoredMessage:
    return StoredMessage(seq, time_ms, encode(value), key="k", headers=HEADERS)


@pytest.mark.parametrize("value", ["short", LONG])
def test_what_is_known_of_a_message_is_the_same_before_and_after_it_is_decoded(value: str) -> None:
    entry = Entry(stored(value))

    for _ in range(2):
        assert (entry.seq, entry.time_ms, entry.key, entry.headers) == (7, 99, "k", HEADERS)
        assert entry.size_bytes == len(encode(value))
        assert not entry.is_tombstone
        assert entry.value is entry.value
        assert entry.value == value


@pytest.mark.parametrize("value", ["short", LONG])
def test_a_message_that_was_decoded_is_told_from_others(value: str) -> None:
    entry = Entry(stored(value))
    assert entry.value == value

    assert entry.holds(stored(value))
    assert not entry.holds(stored(value, time_ms=98))
    assert not entry.holds(stored(value[:-1] + "!"))
    assert not entry.holds(stored(""))


def test_a_long_payload_is_let_go_with_the_first_look_at_its_value() -> None:
    tracemalloc.start()
    try:
        entries = [Entry(stored(LONG, seq)) for seq in range(1, 11)]
        assert all(entry.value == LONG for entry in entries)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken < len(entries) * 1.5 * len(LONG)
    with pytest.raises(PayloadGone, match="the payload of message 3 was decoded"):
        _ = entries[2].message


def test_whoever_reads_payloads_and_no_values_finds_them_as_they_are_stored() -> None:
    message = stored(LONG)

    assert Entry(message).message is message


def test_a_long_payload_that_is_no_value_reads_as_null_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    entry = Entry(StoredMessage(1, 1, b"\xc1" * 5_000))

    assert entry.value is None
    assert entry.value is None
    assert entry.size_bytes == 5_000
    assert caplog.text.count("message 1 cannot be decoded") == 1
