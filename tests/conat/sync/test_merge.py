"""Who wins when a key was written on both sides (conat-sync §4.2, §7.8)."""

import logging
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.protocol.codec import UNDEFINED
from cocalc_jupyter_ext.conat.sync.merge import TOMBSTONE, Conflict, Other, Winner, resolve

CONFLICT = Conflict("key", local="mine", remote="theirs", prev="before")


def test_without_a_merge_function_my_write_wins() -> None:
    assert resolve(CONFLICT, None) is Winner.LOCAL


@pytest.mark.parametrize("nothing", [None, UNDEFINED])
def test_a_merge_function_that_returns_nothing_lets_my_write_win(nothing: object) -> None:
    assert resolve(CONFLICT, lambda _: nothing) is Winner.LOCAL


def test_a_merge_function_that_fails_is_logged_and_my_write_wins(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(conflict: Conflict) -> Any:
        raise ValueError(conflict.key)

    with caplog.at_level(logging.ERROR):
        assert resolve(CONFLICT, fail) is Winner.LOCAL
    assert "what was written here wins" in caplog.text


@pytest.mark.parametrize(
    ("result", "winner"),
    [
        ("theirs", Winner.REMOTE),
        ("mine", Winner.LOCAL),
        (TOMBSTONE, Winner.NEITHER),
        ("both", Other("both")),
    ],
)
def test_the_result_of_a_merge_function_decides(result: object, winner: object) -> None:
    assert resolve(CONFLICT, lambda _: result) == winner


def test_a_deletion_elsewhere_does_not_win_over_null_because_both_look_alike() -> None:
    assert resolve(Conflict("key", None, None), lambda _: None) is Winner.LOCAL


def test_a_merge_function_sees_both_values_and_what_was_before() -> None:
    seen: list[Conflict] = []
    resolve(CONFLICT, seen.append)

    assert seen == [CONFLICT]
