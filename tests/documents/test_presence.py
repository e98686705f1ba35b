import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import write_message, write_var_uint

from cocalc_jupyter_ext.documents.errors import MalformedFrameError
from cocalc_jupyter_ext.documents.presence import Presence, encode_state


def update(*states: tuple[int, int, object]) -> bytes:
    parts = [
        write_var_uint(client_id)
        + write_var_uint(clock)
        + write_message(json.dumps(state).encode())
        for client_id, clock, state in states
    ]
    return write_var_uint(len(parts)) + b"".join(parts)


def test_news_are_told_and_repeats_are_not() -> None:
    presence = Presence()

    assert presence.apply(update((7, 1, {"a": 1})), "ann") == update((7, 1, {"a": 1}))
    assert presence.apply(update((7, 1, {"a": 1})), "ben") is None
    assert presence.apply(update((7, 2, {"a": 2}), (7, 1, {})), "ann") == update((7, 2, {"a": 2}))


def test_late_comers_get_everybody() -> None:
    presence = Presence()
    presence.apply(update((1, 0, {"x": "é"}), (2, 5, {})), "ann")

    other = Presence()
    other.apply(presence.encode_all(), "server")

    assert other.states() == presence.states() == [{"x": "é"}, {}]


def test_a_connection_takes_its_states_with_it() -> None:
    presence = Presence()
    presence.apply(update((1, 3, {})), "ann")
    presence.apply(update((2, 1, {})), "ben")

    assert presence.remove_owner("ann") == update((1, 3, None))
    assert len(presence) == 1
    assert presence.remove_owner("ann") is None


def test_a_client_that_came_back_on_a_new_connection_stays_when_the_old_one_ends() -> None:
    presence = Presence()
    presence.apply(update((1, 3, {})), "old connection")
    presence.apply(update((1, 4, {})), "new connection")

    assert presence.remove_owner("old connection") is None
    assert len(presence) == 1


def test_an_echo_does_not_revive_the_departed() -> None:
    presence = Presence()
    presence.apply(update((1, 3, {})), "ann")
    presence.remove_owner("ann")

    assert presence.apply(update((1, 3, {})), "ben") is None
    assert presence.apply(update((1, 4, {})), "ann again") == update((1, 4, {}))


def test_an_equal_clock_removes_and_a_lower_one_does_not() -> None:
    presence = Presence()
    presence.apply(update((1, 3, {})), "ann")

    assert presence.apply(update((1, 2, None)), "ben") is None
    assert presence.apply(update((1, 3, None)), "ben") == update((1, 3, None))
    assert presence.apply(update((9, 3, None)), "ben") is None


def test_states_per_connection_and_their_size_are_bounded() -> None:
    presence = Presence()

    with pytest.raises(MalformedFrameError, match="at most 100"):
        presence.apply(update(*[(n, 0, {}) for n in range(101)]), "ann")
    with pytest.raises(MalformedFrameError, match="too long"):
        presence.apply(update((1, 1, "x" * 200_000)), "ben")


@given(st.binary(max_size=60))
def test_no_bytes_do_worse_than_being_refused(data: bytes) -> None:
    presence = Presence()
    with contextlib.suppress(MalformedFrameError):
        presence.apply(data, "ann")

    assert len(presence.states()) <= len(presence)
    assert presence.encode_all()


def test_a_state_is_encoded_as_the_update_that_others_would_send() -> None:
    assert encode_state(7, 3, {"a": "é"}) == update((7, 3, {"a": "é"}))
    assert encode_state(7, 4, None) == update((7, 4, None))
