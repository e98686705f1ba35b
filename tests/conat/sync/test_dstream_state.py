"""Messages of a log that are on their way (conat-sync §4.1)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import CodecError, LimitExceeded, RequestTimeout
from cocalc_jupyter_ext.conat.persist.errors import Rejected
from cocalc_jupyter_ext.conat.persist.messages import Receipt
from cocalc_jupyter_ext.conat.sync import dstream_state
from cocalc_jupyter_ext.conat.sync.dstream_state import DStreamState
from cocalc_jupyter_ext.conat.sync.message_ids import MessageIds


def unseen(_seq: int) -> bool:
    return False


@pytest.fixture
def state() -> DStreamState:
    return DStreamState(MessageIds(lambda: "me"))


def saved(state: DStreamState) -> list[tuple[int, Any]]:
    return [(each.seq, each.value) for each in state.saved]


def test_messages_are_sent_in_order_each_with_its_own_id_kept_over_retries(
    state: DStreamState,
) -> None:
    """conat-sync §8.4: ids kept over retries."""
    state.add("a", headers={"x": 1}, ttl_ms=5)
    state.add("b")
    first, second = state.batch()
    state.result(first, RequestTimeout("timeout"), unseen, 0)

    assert state.batch() == [first, second]
    assert (first.headers, first.ttl_ms, second.headers) == ({"x": 1}, 5, None)
    assert first.msg_id != second.msg_id


def test_an_acknowledged_message_is_shown_by_its_number_until_its_echo(state: DStreamState) -> None:
    for value in ("a", "b", "c"):
        state.add(value)
    a, b, _ = state.batch()
    state.result(b, Receipt(8, 80), unseen, 0)
    state.result(a, Receipt(7, 70), unseen, 0)

    assert saved(state) == [(7, "a"), (8, "b")]
    assert state.local == ["c"]
    state.settle(lambda seq: seq <= 7, 0)
    assert saved(state) == [(8, "b")]
    assert not state.is_empty


def test_a_message_whose_echo_came_before_its_answer_is_not_shown_twice(
    state: DStreamState,
) -> None:
    """conat-sync §8.4: reply and echo in either order."""
    state.add("a")
    (message,) = state.batch()
    state.echoed(message.msg_id)
    assert len(state) == 0
    state.result(message, Receipt(1, 1), lambda _: True, 0)

    assert state.is_empty


def test_a_message_whose_number_is_behind_us_is_not_shown_twice(state: DStreamState) -> None:
    """After a recovery its echo comes without an id."""
    state.add("a")
    state.result(state.batch()[0], Receipt(1, 1), lambda _: True, 0)

    assert state.is_empty


def test_a_refused_message_is_dropped(state: DStreamState) -> None:
    state.add("a")
    (message,) = state.batch()
    refusal = state.result(message, Rejected("max_msg_size"), unseen, 0)

    assert refusal is not None
    assert (refusal.value, refusal.error.code) == ("a", "reject")
    assert state.is_empty


def test_what_was_acknowledged_before_the_mirror_began_anew_is_forgotten(
    state: DStreamState,
) -> None:
    state.add("a")
    state.result(state.batch()[0], Receipt(100, 1), unseen, 0)
    state.settle(unseen, epoch=1)

    assert state.is_empty


def test_what_waits_to_be_saved_is_bounded(
    state: DStreamState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dstream_state, "MAX_UNSAVED_BYTES", 100)
    state.add("x" * 200)  # One message always fits.

    with pytest.raises(LimitExceeded, match="await save"):
        state.add("y")
    state.result(state.batch()[0], Receipt(1, 1), unseen, 0)
    state.add("y")


def test_what_cannot_be_sent_fails_where_it_is_written(state: DStreamState) -> None:
    with pytest.raises(CodecError):
        state.add(object())
    assert len(state) == 0
    state.clear()
