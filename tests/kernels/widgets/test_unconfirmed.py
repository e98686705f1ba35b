"""Changes that a kernel takes without telling everybody."""

from cocalc_jupyter_ext.kernels.widgets.unconfirmed import MAX_SENT, Sent, Unconfirmed
from tests.support.comm_messages import updated


def sent(**state: int) -> Sent:
    return Sent("m", {"msg_id": "x"}, dict(state), {("b",): b"1"})


def test_what_the_kernel_did_not_speak_of_is_left_when_it_is_idle() -> None:
    unconfirmed = Unconfirmed()
    unconfirmed.note("x", sent(value=1, other=2))
    unconfirmed.hear(updated("m", {"value": 1}, method="echo_update", parent="x"))
    left = unconfirmed.end("x")
    assert left is not None
    assert (left.state, left.buffers) == ({"other": 2}, {("b",): b"1"})
    assert unconfirmed.end("x") is None


def test_what_the_kernel_says_counts_more_than_what_was_sent() -> None:
    unconfirmed = Unconfirmed()
    unconfirmed.note("x", sent(value=1_000))
    unconfirmed.hear(updated("m", {"value": 100}, {("b",): b"2"}, parent="x"))
    left = unconfirmed.end("x")
    assert left is not None
    assert (left.state, left.buffers) == ({}, {})


def test_what_is_said_about_others_or_for_other_reasons_does_not_count() -> None:
    unconfirmed = Unconfirmed()
    unconfirmed.note("x", sent(value=1))
    unconfirmed.hear(updated("m", {"value": 5}, parent="y"))
    unconfirmed.hear(updated("other", {"value": 5}, parent="x"))
    left = unconfirmed.end("x")
    assert left is not None
    assert left.state == {"value": 1}


def test_an_error_of_the_kernel_is_remembered() -> None:
    unconfirmed = Unconfirmed()
    unconfirmed.note("x", sent(value=1))
    unconfirmed.fail("x")
    unconfirmed.fail("y")
    left = unconfirmed.end("x")
    assert left is not None
    assert left.failed


def test_a_kernel_that_never_gets_idle_costs_bounded_memory() -> None:
    unconfirmed = Unconfirmed()
    for number in range(MAX_SENT + 1):
        unconfirmed.note(str(number), sent(value=number))
    assert unconfirmed.end("0") is None
    assert unconfirmed.end("1") is not None
    unconfirmed.clear()
    assert unconfirmed.end("2") is None
