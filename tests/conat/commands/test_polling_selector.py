"""SPEC O9: a process with much to do does not sleep between two events; one with little does."""

import asyncio
import selectors
import socket
from collections.abc import Iterator

import pytest

from cocalc_jupyter_ext.conat.commands.polling_selector import MAX_POLL_S, PollingSelector

SHORT_S = MAX_POLL_S / 4
LONG_S = MAX_POLL_S * 100


class Clock:
    """Goes on by one step whenever it is read."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.step_s = SHORT_S

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def selector(clock: Clock) -> Iterator[PollingSelector]:
    with PollingSelector(clock) as selector:
        yield selector


@pytest.fixture
def sockets(selector: PollingSelector) -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        selector.register(ours, selectors.EVENT_READ)
        yield ours, theirs


def pause(selector: PollingSelector, clock: Clock, pause_s: float) -> None:
    """Let something be ready that long after it was waited for."""
    clock.step_s = pause_s
    assert selector.select(None)
    clock.step_s = SHORT_S


Sockets = tuple[socket.socket, socket.socket]


def test_it_sleeps_until_it_knows_that_much_is_going_on(
    selector: PollingSelector, clock: Clock, sockets: Sockets
) -> None:
    sockets[1].send(b"x")
    assert not selector.polls
    for _ in range(30):
        pause(selector, clock, SHORT_S)

    assert selector.polls


def test_one_long_pause_ends_the_polling_and_a_few_short_ones_bring_it_back(
    selector: PollingSelector, clock: Clock, sockets: Sockets
) -> None:
    sockets[1].send(b"x")
    for _ in range(30):
        pause(selector, clock, SHORT_S)
    pause(selector, clock, LONG_S)
    assert not selector.polls
    for _ in range(5):
        pause(selector, clock, SHORT_S)

    assert selector.polls


def test_with_long_pauses_between_events_it_never_polls(
    selector: PollingSelector, clock: Clock, sockets: Sockets
) -> None:
    sockets[1].send(b"x")
    for _ in range(30):
        pause(selector, clock, LONG_S)

        assert not selector.polls


def test_it_stops_polling_when_nothing_comes_and_waits_as_long_as_it_may(
    selector: PollingSelector, clock: Clock, sockets: Sockets
) -> None:
    ours, theirs = sockets
    theirs.send(b"x")
    for _ in range(30):
        pause(selector, clock, SHORT_S)
    ours.recv(1)

    assert selector.polls
    assert selector.select(0.001) == []


def test_what_is_ready_is_told_at_once_without_counting_as_a_pause(
    selector: PollingSelector, sockets: Sockets
) -> None:
    ours, theirs = sockets
    assert selector.select(0) == []
    theirs.send(b"x")

    assert [key.fileobj for key, _events in selector.select(0)] == [ours]
    assert not selector.polls


def test_an_event_loop_runs_on_it() -> None:
    async def answer() -> str:
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection(sock=theirs)
            ours.send(b"hello\n")
            line = await reader.readline()
            writer.close()
            return line.decode()

    ours, theirs = socket.socketpair()
    loop_factory = lambda: asyncio.SelectorEventLoop(PollingSelector(lambda: 0.0))  # noqa: E731
    with ours, asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(answer()) == "hello\n"
