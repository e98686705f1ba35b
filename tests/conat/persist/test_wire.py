"""The values of a stream on the wire (conat-sync §1.5, §1.6, §8.1)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import ConatError, RemoteError
from cocalc_jupyter_ext.conat.persist.config import StreamConfig
from cocalc_jupyter_ext.conat.persist.errors import Rejected, StoreError, WrongLastSequence
from cocalc_jupyter_ext.conat.persist.messages import (
    Deleted,
    Inventory,
    NewMessage,
    Receipt,
    Stored,
    StoredMessage,
    Update,
)
from cocalc_jupyter_ext.conat.persist.wire import (
    config_from_wire,
    error_from_wire,
    inventory_from_wire,
    inventory_to_wire,
    message_from_headers,
    message_to_headers,
    new_message_from_wire,
    new_message_to_wire,
    optional,
    outcome_from_wire,
    outcome_to_wire,
    sequence_of,
    stored_from_wire,
    stored_to_wire,
    update_from_wire,
    update_to_wire,
)
from cocalc_jupyter_ext.conat.protocol.codec import encode

FULL = NewMessage(
    raw=b"\x05",
    encoding=1,
    headers={"h": "x"},
    key="",
    ttl_ms=1500.5,
    previous_seq=7,
    msg_id="m-1",
)
PLAIN = NewMessage(raw=b"\x05")
STORED = StoredMessage(
    seq=2, time_ms=1795238542465, raw=b"\x81\xa1v\x02", key="k", headers={"h": "x"}
)


@pytest.mark.parametrize(
    ("message", "hexadecimal"),
    [
        (
            NewMessage(raw=b"\x05", key="a"),
            "9182a36b6579a161ab6d6573736167654461746182a8656e636f64696e6700a3726177c40105",
        ),
    ],
)
def test_an_operation_has_the_bytes_of_the_contract(message: NewMessage, hexadecimal: str) -> None:
    assert encode([new_message_to_wire(message)]).hex() == hexadecimal


def test_an_operation_with_headers_and_a_ttl_has_the_entries_of_the_contract() -> None:
    tombstone = NewMessage(raw=b"\xc0", key="a", headers={"CN-Tombstone": True}, ttl_ms=86_400_000)

    assert new_message_to_wire(tombstone) == {
        "key": "a",
        "messageData": {"encoding": 0, "raw": b"\xc0", "headers": {"CN-Tombstone": True}},
        "ttl": 86_400_000,
    }


@pytest.mark.parametrize("message", [FULL, PLAIN])
def test_messages_survive_the_way_there(message: NewMessage) -> None:
    assert new_message_from_wire(new_message_to_wire(message)) == message
    headers = message_to_headers(message)
    assert message_from_headers(headers, message.raw, message.encoding) == message


def test_what_is_not_set_is_left_out() -> None:
    assert message_to_headers(PLAIN) == {}


def test_null_means_not_set() -> None:
    operation = {
        "key": None,
        "previousSeq": None,
        "ttl": None,
        "msgID": None,
        "messageData": {"encoding": 0, "raw": b"\x05", "headers": None},
    }

    assert new_message_from_wire(operation) == PLAIN


def test_stored_messages_have_the_bytes_of_the_recorded_ones() -> None:
    assert encode(stored_to_wire(STORED)).hex() == (
        "86a3736571" "02" "a474696d65cf000001a1fc8e3c81" "a36b6579a16b" "a8656e636f64696e6700"
        "a3726177c40481a17602" "a76865616465727381a168a178"
    )  # fmt: skip


@pytest.mark.parametrize(
    "update",
    [Stored(STORED, "id0"), Stored(StoredMessage(seq=1, time_ms=5, raw=b"")), Deleted([1, 3])],
)
def test_updates_survive_the_way_back(update: Update) -> None:
    assert update_from_wire(update_to_wire(update)) == update


def test_a_deletion_says_so() -> None:
    assert update_to_wire(Deleted([1, 3])) == {"op": "delete", "seqs": [1, 3]}


def test_times_are_rounded_to_milliseconds() -> None:
    assert stored_from_wire({"seq": 1, "time": 1.6, "encoding": 0, "raw": b""}).time_ms == 2


@pytest.mark.parametrize(
    ("outcome", "wire"),
    [
        (Receipt(3, 5), {"time": 5, "seq": 3}),
        (
            Rejected("max_msgs limit reached"),
            {"error": "Error: max_msgs limit reached", "code": "reject"},
        ),
        (StoreError("disk I/O error"), {"error": "Error: disk I/O error"}),
    ],
)
def test_outcomes_of_messages(outcome: Receipt | ConatError, wire: dict[str, Any]) -> None:
    """conat-sync §8.3: errors of items with code."""
    assert outcome_to_wire(outcome) == wire


def test_refusals_come_back_as_the_errors_they_were() -> None:
    rejected = outcome_from_wire(outcome_to_wire(Rejected("max_bytes")), PLAIN)
    wrong = outcome_from_wire(outcome_to_wire(WrongLastSequence(7, 9)), FULL)
    other = outcome_from_wire({"error": "Error: closed"}, PLAIN)

    assert isinstance(rejected, Rejected)
    assert str(rejected) == "max_bytes"
    assert isinstance(wrong, WrongLastSequence)
    assert wrong.expected == 7
    assert isinstance(other, RemoteError)
    assert outcome_from_wire({"time": 5, "seq": 3}, PLAIN) == Receipt(3, 5)


def test_an_error_keeps_its_code() -> None:
    assert error_from_wire({"error": "Error: no", "code": 403}).code == 403


def test_inventory_has_the_bytes_of_the_recorded_one() -> None:
    inventory = Inventory(bytes=20, count=2, seq=2)

    assert encode(inventory_to_wire(inventory)).hex() == (
        "84a5627974657314a5636f756e7402a66c696d69747380a373657102"
    )
    assert inventory_from_wire(inventory_to_wire(inventory)) == inventory


def test_configurations_survive() -> None:
    """conat-sync §8.3: config returns nine fields and enforces."""
    config = StreamConfig(max_msgs=5, discard_policy="new", allow_msg_ttl=True, desc={"a": [1]})

    assert config_from_wire(config.to_wire()) == config


@pytest.mark.parametrize(
    "wire",
    [
        None,
        {},
        {"messageData": None},
        {"messageData": {"encoding": 0}},
        {"messageData": {"encoding": "0", "raw": b""}},
        {"messageData": {"encoding": 0, "raw": "text"}},
        {"messageData": {"encoding": 0, "raw": b""}, "key": 5},
        {"messageData": {"encoding": 0, "raw": b""}, "previousSeq": True},
        {"messageData": {"encoding": 0, "raw": b"", "headers": "x"}},
    ],
)
def test_an_operation_that_makes_no_sense_is_refused(wire: Any) -> None:
    with pytest.raises(StoreError):
        new_message_from_wire(wire)


def test_a_refusal_names_the_entry_and_the_type() -> None:
    with pytest.raises(StoreError, match="'key' must be of type str, not int"):
        optional({"key": 5}, "key", str)


def test_whole_numbers_may_come_as_floats() -> None:
    assert optional({"seq": 5.0}, "seq", int) == 5


@pytest.mark.parametrize("value", [None, "ab", b"ab", {"a": 1}])
def test_a_list_must_be_one(value: object) -> None:
    with pytest.raises(StoreError, match="the payload must be a list"):
        sequence_of(value, "the payload")


@pytest.mark.parametrize("wire", [None, 5, {"seq": 1, "time": 1, "encoding": 0}])
def test_a_stored_message_that_makes_no_sense_is_refused(wire: Any) -> None:
    with pytest.raises(StoreError):
        stored_from_wire(wire)


def test_a_configuration_that_is_no_map_is_refused() -> None:
    with pytest.raises(StoreError, match="expected a configuration"):
        config_from_wire(None)
