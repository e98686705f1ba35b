"""conat-core §14.5; SPEC Z5 to Z9. Two flows, and a network between them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import Disconnected, LimitExceeded, RequestTimeout
from cocalc_jupyter_ext.conat.protocol.codec import encode
from cocalc_jupyter_ext.conat.sockets.commands import Control, Emitted, Missing
from cocalc_jupyter_ext.conat.sockets.errors import SocketReset
from cocalc_jupyter_ext.conat.sockets.flow import Flow
from cocalc_jupyter_ext.conat.sockets.sequence import Packet
from cocalc_jupyter_ext.conat.sockets.tasks import Tasks

from ...support import virtual_time


@dataclass
class End:
    """A flow with its owner and its way to the other end."""

    name: str
    max_queue: int = 1000
    got: list[bytes] = field(default_factory=list)
    asked: list[Control] = field(default_factory=list)
    published: list[int] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    lose: Callable[[Packet], bool] = lambda _packet: False
    lose_control: Callable[[Control], bool] = lambda _control: False
    failure: Exception | None = None
    behind: int = 0
    drained: int = 0

    def __post_init__(self) -> None:
        self.tasks = Tasks(self.name)
        self.flow = Flow(self, self, self.tasks, self.max_queue)
        self.other = self

    def publish(self, packet: Packet) -> None:
        if self.failure is not None:
            raise self.failure
        self.published.append(packet.seq)
        if not self.lose(packet):
            asyncio.get_running_loop().call_soon(self.other.flow.receive, packet)

    async def ask(self, control: Control) -> Message:
        self.asked.append(control)
        await asyncio.sleep(0.01)
        if self.lose_control(control):
            raise RequestTimeout("timeout")
        data, headers = self.other.flow.answer(control)
        return Message("s", 0, encode(data, 0), headers)

    def on_packet(self, packet: Packet) -> None:
        self.got.append(packet.raw)

    def on_progress(self) -> None:
        self.drained += not len(self.flow.sender)

    def on_reset(self, error: SocketReset) -> None:
        self.resets.append(str(error))
        self.flow.shut()

    def unread(self) -> int:
        return self.behind


def run(check: Callable[[End, End], Any], **options: Any) -> None:
    async def work() -> None:
        left, right = End("left", **options), End("right", **options)
        left.other, right.other = right, left
        left.flow.open()
        right.flow.open()
        await check(left, right)
        for end in (left, right):
            end.flow.shut()
            end.tasks.cancel_all()
            await end.tasks.wait_until_ended()
            assert len(end.tasks) == 0

    virtual_time.run(work())


def write(end: End, *values: bytes) -> None:
    for value in values:
        end.flow.write(value, {})


def test_acknowledgements_that_come_together_are_one() -> None:
    async def check(left: End, right: End) -> None:
        write(left, *(b"%d" % number for number in range(500)))
        await asyncio.sleep(1)

        assert len(right.got) == 500
        assert right.asked == [Emitted(500)]
        assert left.drained == 1
        assert left.published == list(range(1, 501))

    run(check)


def test_while_one_acknowledgement_is_under_way_the_next_waits_and_tells_the_latest() -> None:
    async def check(left: End, right: End) -> None:
        for _ in range(20):
            write(left, b"x")
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)

        assert len(right.asked) <= 4
        assert right.asked[-1] == Emitted(20)

    run(check)


def test_a_lost_acknowledgement_is_repeated() -> None:
    async def check(left: End, right: End) -> None:
        right.lose_control = lambda _: len(right.asked) == 1
        write(left, b"x")
        await asyncio.sleep(1)

        assert right.asked == [Emitted(1), Emitted(1)]
        assert len(left.flow.sender) == 0

    run(check)


def test_a_duplicate_is_acknowledged_again_and_not_handed_on() -> None:
    """§14.5 step 4: the original ignores it, and its sender resends for two minutes.

    conat-core §20: duplicates are acknowledged again.
    """

    async def check(left: End, right: End) -> None:
        write(left, b"x")
        await asyncio.sleep(1)
        right.flow.receive(Packet(1, b"x"))
        await asyncio.sleep(1)

        assert right.got == [b"x"]
        assert right.asked == [Emitted(1), Emitted(1)]

    run(check)


def test_lost_messages_are_asked_for_in_the_order_of_their_numbers() -> None:
    async def check(left: End, right: End) -> None:
        left.lose = lambda packet: packet.seq in (2, 9, 10)
        write(left, *(b"%d" % number for number in range(1, 13)))
        await asyncio.sleep(1)

        assert right.got == [b"%d" % number for number in range(1, 13)]
        assert [each for each in right.asked if isinstance(each, Missing)] == [Missing((2, 9, 10))]

    run(check)


def test_early_messages_are_handed_on_when_the_gap_closes_by_itself() -> None:
    """§14.5 step 3: in the original they get stuck when asking for the missing ones failed.

    conat-core §20: early messages do not get stuck.
    """

    async def check(left: End, right: End) -> None:
        right.lose_control = lambda control: isinstance(control, Missing)
        right.flow.receive(Packet(2, b"two"))
        await asyncio.sleep(0.1)
        right.flow.receive(Packet(1, b"one"))

        assert right.got == [b"one", b"two"]

    run(check)


def test_asking_for_missing_messages_is_repeated_until_it_succeeds() -> None:
    async def check(left: End, right: End) -> None:
        left.lose = lambda packet: packet.seq == 1
        right.lose_control = lambda _: asyncio.get_running_loop().time() < 20
        write(left, b"one", b"two")
        await asyncio.sleep(60)

        assert right.got == [b"one", b"two"]

    run(check)


def test_what_is_lost_for_good_resets_and_says_so() -> None:
    async def check(left: End, right: End) -> None:
        left.lose = lambda packet: packet.seq == 2
        write(left, b"1", b"2")
        left.flow.sender.acknowledge(2)  # as if somebody else had acknowledged
        write(left, b"3")
        await asyncio.sleep(1)

        assert right.got == [b"1"]
        assert right.resets == ["message 2 is lost: the peer does not have it any more"]

    run(check)


def test_a_peer_that_does_not_hold_what_arrived_meanwhile_is_no_reason_for_a_reset() -> None:
    async def check(left: End, right: End) -> None:
        left.lose = lambda _: True
        write(left, b"1", b"2")
        right.flow.receive(Packet(2, b"2"))
        await asyncio.sleep(0.005)  # the request is under way
        right.flow.receive(Packet(1, b"1"))
        left.flow.sender.acknowledge(2)
        await asyncio.sleep(1)

        assert right.got == [b"1", b"2"]
        assert right.resets == []

    run(check)


def test_the_last_message_is_offered_again_when_the_flow_opens_again() -> None:
    async def check(left: End, right: End) -> None:
        left.lose = lambda _: True
        write(left, b"1", b"2", b"3")
        left.flow.shut()
        left.lose = lambda _: False
        left.flow.open()
        await asyncio.sleep(1)

        assert left.published == [1, 2, 3, 3]
        assert right.got == [b"1", b"2", b"3"]

    run(check)


def test_what_was_written_while_shut_is_published_once() -> None:
    """§14.5: the original publishes it again each time it is ready.

    conat-core §20: queued writes are published once.
    """

    async def check(left: End, right: End) -> None:
        left.flow.shut()
        write(left, b"1", b"2")
        assert left.published == []
        left.flow.open()
        await asyncio.sleep(1)
        left.flow.shut()
        left.flow.open()
        await asyncio.sleep(1)

        assert left.published == [1, 2]
        assert right.got == [b"1", b"2"]

    run(check)


def test_a_tail_that_is_lost_on_a_connection_that_stays_is_offered_again() -> None:
    """SPEC Z8: the original would wait until the next write, or the next disconnect."""

    async def check(left: End, right: End) -> None:
        left.lose = lambda _: len(left.published) <= 2
        write(left, b"1", b"2")
        await asyncio.sleep(10)

        assert left.published == [1, 2, 2]
        assert right.got == [b"1", b"2"]

    run(check)


@pytest.mark.parametrize("failure", [Disconnected(), LimitExceeded("too much at once")])
def test_what_cannot_be_published_now_is_published_later_and_in_order(failure: Exception) -> None:
    async def check(left: End, right: End) -> None:
        left.failure = failure
        write(left, b"1", b"2")
        left.failure = None
        write(left, b"3")
        await asyncio.sleep(1)

        assert left.published == [1, 2, 3]
        assert right.got == [b"1", b"2", b"3"]

    run(check)


def test_what_nobody_has_read_is_not_acknowledged() -> None:
    async def check(left: End, right: End) -> None:
        right.behind = 2
        write(left, b"1", b"2", b"3")
        await asyncio.sleep(1)
        assert right.asked == [Emitted(1)]
        right.behind = 0
        right.flow.report()
        await asyncio.sleep(1)

        assert right.asked == [Emitted(1), Emitted(3)]

    run(check)


def test_nothing_is_sent_while_shut() -> None:
    async def check(left: End, right: End) -> None:
        right.flow.shut()
        right.flow.receive(Packet(1, b"1"))
        right.flow.receive(Packet(3, b"3"))
        await asyncio.sleep(60)
        assert right.asked == []
        write(left, b"1", b"2", b"3")
        right.flow.open()
        await asyncio.sleep(1)

        assert right.got == [b"1", b"2", b"3"]

    run(check)


def test_numbers_that_are_not_held_are_answered_so() -> None:
    async def check(left: End, right: End) -> None:
        write(left, b"1")

        assert left.flow.answer(Missing((1, 2))) == (None, {"error": "nodata"})
        assert left.flow.answer(Emitted(1)) == ({"emitted": 1}, None)

    run(check)
