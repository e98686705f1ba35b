"""What can go wrong with a stream, and its codes on the wire (conat-sync §1.8)."""

from cocalc_jupyter_ext.conat.errors import to_wire
from cocalc_jupyter_ext.conat.persist.errors import PathDenied, Rejected, WrongLastSequence


def test_the_codes_are_those_that_clients_look_for() -> None:
    assert to_wire(Rejected("max_msgs"))["code"] == "reject"
    assert to_wire(WrongLastSequence(1, 2))["code"] == "wrong-last-sequence"
    assert to_wire(PathDenied("permission denied"))["code"] == 403
    assert "code" not in to_wire(PathDenied("permission denied", None))


def test_a_wrong_sequence_says_what_was_expected_and_what_is() -> None:
    assert "wrong last sequence" in str(WrongLastSequence(1, None))
