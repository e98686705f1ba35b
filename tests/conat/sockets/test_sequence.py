"""conat-core §14.5; SPEC Z5 to Z9. The two ends of one direction, without any connection."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cocalc_jupyter_ext.conat.sockets.errors import SocketFull
from cocalc_jupyter_ext.conat.sockets.sequence import Packet, Receiver, Sender


def packet(seq: int, size: int = 1) -> Packet:
    return Packet(seq, b"x" * size)


def seqs(packets: list[Packet]) -> list[int]:
    return [each.seq for each in packets]


class TestSender:
    def test_messages_are_numbered_from_one_and_keep_their_headers(self) -> None:
        sender = Sender(10)

        assert sender.add(b"a", {"h": 1}) == Packet(1, b"a", 0, {"h": 1})
        assert sender.add(b"b", {}).seq == 2
        assert sender.last == Packet(2, b"b", 0, {})

    def test_too_many_unacknowledged_messages_are_refused_and_not_numbered(self) -> None:
        sender = Sender(3)
        for _ in range(3):
            sender.add(b"x", {})

        assert sender.is_full
        with pytest.raises(SocketFull, match="WRITE FAILED"):
            sender.add(b"x", {})
        sender.acknowledge(1)
        assert sender.add(b"x", {}).seq == 4

    def test_an_acknowledgement_covers_all_smaller_numbers(self) -> None:
        sender = Sender(10)
        for _ in range(5):
            sender.add(b"x", {})

        assert sender.acknowledge(3) == 3
        assert len(sender) == 2
        assert sender.acknowledge(3) == 0
        assert sender.acknowledge(2) == 0

    def test_an_acknowledgement_of_what_was_never_sent_covers_no_later_message(self) -> None:
        sender = Sender(10)
        sender.add(b"x", {})

        assert sender.acknowledge(1_000_000) == 1
        sender.add(b"y", {})
        assert sender.last == Packet(2, b"y")
        assert sender.acknowledge(-5) == 0

    def test_what_was_published_is_not_published_again(self) -> None:
        sender = Sender(10)
        first, second = sender.add(b"a", {}), sender.add(b"b", {})
        assert sender.next_unpublished is first
        sender.mark_published(first)
        assert sender.next_unpublished is second
        sender.mark_published(second)

        assert sender.last is second
        assert sender.next_unpublished is None

    def test_packets_are_recalled_in_the_order_asked_for(self) -> None:
        sender = Sender(20)
        for _ in range(12):
            sender.add(b"x", {})

        assert seqs(sender.recall([10, 9, 2]) or []) == [10, 9, 2]

    @pytest.mark.parametrize("numbers", [[1], [3, 1], [5], [0], [-1], [2] * 9])
    def test_nothing_is_recalled_if_one_number_is_not_held(self, numbers: list[int]) -> None:
        sender = Sender(10)
        for _ in range(4):
            sender.add(b"x", {})
        sender.acknowledge(1)

        assert sender.recall(numbers) is None


class TestReceiver:
    def test_what_comes_in_order_is_handed_on_at_once(self) -> None:
        receiver = Receiver(10)

        assert [seqs(receiver.receive(packet(seq))) for seq in (1, 2, 3)] == [[1], [2], [3]]
        assert receiver.emitted_seq == 3

    def test_a_duplicate_is_recognised_and_not_handed_on(self) -> None:
        receiver = Receiver(10)
        receiver.receive(packet(1))

        assert receiver.is_duplicate(1)
        assert receiver.receive(packet(1)) == []

    def test_what_comes_early_is_handed_on_as_soon_as_the_gap_is_filled_by_anything(self) -> None:
        receiver = Receiver(10)
        for seq in (4, 2, 3):
            assert receiver.receive(packet(seq)) == []

        assert receiver.missing(10) == [1]
        assert seqs(receiver.receive(packet(1))) == [1, 2, 3, 4]

    def test_missing_numbers_are_sorted_as_numbers_and_limited(self) -> None:
        receiver = Receiver(20)
        receiver.receive(packet(12))
        receiver.receive(packet(3))

        assert receiver.missing(100) == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
        assert receiver.missing(4) == [1, 2, 4, 5]

    def test_a_huge_number_costs_nothing(self) -> None:
        receiver = Receiver(20)
        receiver.receive(packet(2**53))

        assert receiver.missing(3) == [1, 2, 3]

    def test_only_so_many_early_packets_are_kept_and_the_others_are_missing(self) -> None:
        receiver = Receiver(2)
        for seq in (2, 3, 4):
            receiver.receive(packet(seq))
        assert receiver.missing(10) == [1, 4]

        assert seqs(receiver.receive(packet(1))) == [1, 2, 3]
        assert receiver.missing(10) == [4]

    def test_only_so_many_early_bytes_are_kept(self) -> None:
        receiver = Receiver(10, max_early_bytes=10)
        receiver.receive(packet(2, 8))
        receiver.receive(packet(3, 8))
        assert receiver.lacks(3)
        assert not receiver.lacks(2)
        receiver.receive(packet(1))
        receiver.receive(packet(4, 8))

        assert receiver.missing(10) == [3]


class Direction(RuleBasedStateMachine):
    """A sender and a receiver with a network between them that loses, doubles and reorders."""

    def __init__(self) -> None:
        super().__init__()
        self.sender = Sender(5)
        self.receiver = Receiver(3, max_early_bytes=12)
        self.network: list[Packet] = []
        self.written: list[bytes] = []
        self.got: list[bytes] = []

    @rule(size=st.integers(1, 6))
    def write(self, size: int) -> None:
        raw = b"%d" % len(self.written) + b"." * size
        if self.sender.is_full:
            with pytest.raises(SocketFull):
                self.sender.add(raw, {})
            return
        self.network.append(self.sender.add(raw, {}))
        self.written.append(raw)

    @precondition(lambda self: self.network)
    @rule(data=st.data(), stays=st.booleans())
    def deliver(self, data: st.DataObject, stays: bool) -> None:
        index = data.draw(st.integers(0, len(self.network) - 1))
        chosen = self.network[index] if stays else self.network.pop(index)
        self.take(chosen)

    @precondition(lambda self: self.network)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.network.pop(data.draw(st.integers(0, len(self.network) - 1)))

    @rule(is_lost=st.booleans())
    def report(self, is_lost: bool) -> None:
        if not is_lost:
            self.sender.acknowledge(self.receiver.emitted_seq)

    @rule()
    def offer_again(self) -> None:
        if self.sender.last is not None:
            self.take(self.sender.last)

    @rule(limit=st.integers(1, 4))
    def recover(self, limit: int) -> None:
        asked = self.receiver.missing(limit)
        if asked:
            answer = self.sender.recall(asked)
            assert answer is not None  # a number that was never handed on is still held
            for each in answer:
                self.take(each)

    def take(self, packet_: Packet) -> None:
        self.got += [each.raw for each in self.receiver.receive(packet_)]

    @invariant()
    def what_arrived_is_what_was_written_once_and_in_order(self) -> None:
        assert self.got == self.written[: len(self.got)]
        assert len(self.sender) <= 5

    def teardown(self) -> None:
        """However bad the network was: offering and asking again brings everything."""
        self.offer_again()
        while self.receiver.missing(4):
            self.recover(4)
        assert self.got == self.written
        self.report(is_lost=False)
        assert not len(self.sender)


TestDirection = Direction.TestCase
TestDirection.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@given(st.permutations(range(1, 30)))
def test_any_order_of_arrival_gives_the_order_of_writing(order: list[int]) -> None:
    receiver = Receiver(100)

    got = [each.seq for seq in order for each in receiver.receive(packet(seq))]

    assert got == list(range(1, 30))
    assert receiver.missing(1) == []


def test_a_sender_that_has_lost_its_memory_is_found_out() -> None:
    """A new process at the other end does not hold what is missing: an explicit reset (Z9)."""
    receiver, replaced = Receiver(10), Sender(10)
    receiver.receive(packet(1))
    for _ in range(4):
        replaced.add(b"new", {})
    replaced.acknowledge(2)
    receiver.receive(packet(4))

    assert receiver.missing(10) == [2, 3]
    assert replaced.recall([2, 3]) is None
