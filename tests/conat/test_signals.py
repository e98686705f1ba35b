"""Signals: who is told, in which order, and what a failing listener may cost."""

import logging

import pytest

from cocalc_jupyter_ext.conat.signals import Signal


def test_listeners_are_told_in_the_order_in_which_they_connected() -> None:
    told: list[tuple[str, int]] = []
    signal: Signal[[int]] = Signal("change")
    signal.connect(lambda value: told.append(("first", value)))
    signal.connect(lambda value: told.append(("second", value)))

    signal.emit(7)

    assert told == [("first", 7), ("second", 7)]


def test_a_disconnected_listener_is_not_told_and_disconnecting_twice_does_nothing() -> None:
    told: list[int] = []
    signal: Signal[[int]] = Signal("change")
    disconnect = signal.connect(told.append)
    disconnect()
    disconnect()

    signal.emit(1)

    assert told == []
    assert len(signal) == 0


def test_the_same_listener_may_connect_twice_and_leave_once() -> None:
    told: list[int] = []
    signal: Signal[[int]] = Signal("change")
    disconnect = signal.connect(told.append)
    signal.connect(told.append)
    disconnect()

    signal.emit(1)

    assert told == [1]


def test_a_failing_listener_is_logged_and_the_others_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[int] = []
    signal: Signal[[int]] = Signal("change")

    def fail(value: int) -> None:
        raise ValueError(value)

    signal.connect(fail)
    signal.connect(told.append)

    with caplog.at_level(logging.ERROR):
        signal.emit(3)

    assert told == [3]
    assert "change" in caplog.text


def test_nobody_is_told_after_clear() -> None:
    told: list[int] = []
    signal: Signal[[int]] = Signal("change")
    signal.connect(told.append)
    signal.clear()

    signal.emit(1)

    assert told == []
