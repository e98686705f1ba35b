"""conat-core §4.3, §9.2, §9.3; SPEC K10, K12."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.denials import Denials
from cocalc_jupyter_ext.conat.client.publisher import Outgoing, Publisher
from cocalc_jupyter_ext.conat.client.session import LinkListener, Session
from cocalc_jupyter_ext.conat.client.statistics import Traffic
from cocalc_jupyter_ext.conat.errors import ConatError, RemoteError, RequestTimeout
from cocalc_jupyter_ext.conat.protocol.messages import (
    ClientEvent,
    Info,
    Publish,
    WaitForInterest,
)
from cocalc_jupyter_ext.conat.types import Subject

from ...support import virtual_time
from ...support.conat_peers import make_ids

MAX_PAYLOAD = 101_000
ANSWER = tuple[float, Any]
"""After how many seconds the server says what."""


class _Nobody:
    def on_delivery(self, delivery: object) -> None: ...
    def on_denied(self, notice: object) -> None: ...
    def on_signed_in(self) -> None: ...
    def on_disconnected(self) -> None: ...
    def on_ended(self, error: ConatError) -> None: ...


class ScriptedServer:
    """Signs everybody in, keeps what it hears, and answers what the test says."""

    def __init__(self, *answers: ANSWER) -> None:
        self.heard: list[ClientEvent] = []
        self._answers = list(answers)

    async def open(self, listener: LinkListener) -> "ScriptedServer":
        asyncio.get_running_loop().call_soon(listener.on_event, Info(MAX_PAYLOAD, "0", None))
        return self

    def send(self, event: ClientEvent, on_ack: Callable[[Any], None] | None = None) -> None:
        self.heard.append(event)
        if on_ack is not None and self._answers:
            after_s, value = self._answers.pop(0)
            asyncio.get_running_loop().call_later(after_s, on_ack, value)

    async def close(self) -> None:
        """Say nothing."""


async def publisher(server: ScriptedServer) -> tuple[Publisher, Session]:
    session = Session(server, _Nobody(), name="test", rng=lambda: 0.5)
    session.start()
    await session.wait_until_signed_in()
    loop = asyncio.get_running_loop()
    sent = Traffic()
    return Publisher(session, Denials(), sent, clock=loop.time, make_id=make_ids("m")), session


def message(size: int = 1) -> Outgoing:
    return Outgoing(Subject("x"), b"\x01" * size, 0, {"h": 1})


def publish(
    *answers: ANSWER, size: int = 1, timeout_s: float = 30.0, wait: bool = True
) -> tuple[Any, list[ClientEvent]]:
    """Return the count, or the error, and what the server heard."""
    server = ScriptedServer(*answers)

    async def work() -> Any:
        mine, session = await publisher(server)
        try:
            return await mine.publish(message(size), timeout_s, wait=wait)
        except ConatError as error:
            return error
        finally:
            await session.close()

    return virtual_time.run(work()), server.heard


def test_what_somebody_received_is_not_sent_again() -> None:
    count, heard = publish((0, {"count": 2}))

    assert count == 2
    assert len(heard) == 1


def test_what_reached_nobody_is_sent_again_as_a_new_message_once_somebody_is_there() -> None:
    count, (first, wait, second) = publish((1, {"count": 0}), (5, True), (0, {"count": 1}))

    assert count == 1
    assert wait == WaitForInterest("x", 29_000)
    assert isinstance(first, Publish)
    assert isinstance(second, Publish)
    assert first.chunk.id != second.chunk.id
    assert (first.chunk.raw, first.chunk.headers) == (second.chunk.raw, second.chunk.headers)


def test_only_with_wait_interest_is_waited_for() -> None:
    count, heard = publish((0, {"count": 0}), wait=False)

    assert count == 0
    assert len(heard) == 1


def test_half_a_second_is_too_little_for_a_second_try() -> None:
    count, heard = publish((0, {"count": 0}), (29.5, True))

    assert count == 0
    assert len(heard) == 2


def test_a_little_more_than_half_a_second_is_enough() -> None:
    count, heard = publish((0, {"count": 0}), (29.4, True), (0, {"count": 3}))

    assert count == 3
    assert len(heard) == 3


@pytest.mark.parametrize("answers", [(), ((0, {"count": 0}),)])
def test_no_answer_in_time_is_a_timeout(answers: tuple[ANSWER, ...]) -> None:
    error, _heard = publish(*answers, timeout_s=0.5)

    assert isinstance(error, RequestTimeout)
    assert error.code == 408
    assert "timed out" in str(error)


def test_a_server_that_gives_up_waiting_is_a_timeout_too() -> None:
    """conat-core §20: an error of wait-for-interest is one."""
    error, _heard = publish((0, {"count": 0}), (1, {"error": "Error: timeout"}))

    assert isinstance(error, RequestTimeout)


@pytest.mark.parametrize("step", [1, 2])
def test_refusals_keep_the_code_of_the_server(step: int) -> None:
    """conat-core §20: 403 stays 403; an error of wait-for-interest is one."""
    refusal = (0.0, {"error": "permission denied", "code": 403})
    error, _heard = publish(*[(0.0, {"count": 0}), refusal][2 - step :])

    assert isinstance(error, RemoteError)
    assert (str(error), error.code) == ("permission denied", 403)


@pytest.mark.parametrize("answer", [None, [], {}, {"count": "many"}])
def test_an_answer_that_makes_no_sense_is_an_error(answer: object) -> None:
    error, _heard = publish((0, answer))

    assert "instead of a count" in str(error)


def test_all_chunks_are_sent_before_the_first_answer_and_the_largest_count_is_told() -> None:
    count, heard = publish((9, {"count": 1}), (8, {"count": 3}), (7, {"count": 2}), size=2_500)
    chunks = [event.chunk for event in heard if isinstance(event, Publish)]

    assert count == 3
    assert [each.seq for each in chunks] == [0, 1, 2]
    assert [each.done for each in chunks] == [False, False, True]
    assert [each.headers for each in chunks] == [None, None, {"h": 1}]


@pytest.mark.parametrize(("asked_s", "told_ms"), [(600, 90_000), (0.25, 250), (0, 0), (-1, 0)])
def test_waiting_for_interest_is_bounded_on_both_sides(asked_s: float, told_ms: int) -> None:
    server = ScriptedServer((0, False))

    async def work() -> bool:
        mine, session = await publisher(server)
        answer = await mine.wait_for_interest("x", asked_s)
        await session.close()
        return answer

    assert virtual_time.run(work()) is False
    assert server.heard == [WaitForInterest("x", told_ms)]
