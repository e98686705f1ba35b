"""conat-core §4.3 and §4.4; SPEC M1 to M3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.errors import CodecError
from cocalc_jupyter_ext.conat.protocol.chunks import (
    Chunk,
    Reassembler,
    ReassemblyLimits,
    WholeMessage,
    chunk_size,
    split,
)
from cocalc_jupyter_ext.conat.types import MessageId

ID = MessageId("m")
OTHER = MessageId("n")


def pieces(raw: bytes, size: int, message_id: MessageId = ID) -> list[Chunk]:
    return list(split(message_id, raw, size_bytes=size, encoding=1, headers={"h": 1}))


@pytest.mark.parametrize(
    ("payload", "size"),
    [(8_000_000, 7_900_000), (None, 900_000), (100_001, 1_000), (600_000, 500_000)],
)
def test_chunk_sizes_leave_room_for_headers(payload: int | None, size: int) -> None:
    assert chunk_size(payload) == size


def test_only_the_last_chunk_is_done_and_has_headers() -> None:
    assert pieces(b"abcde", 2) == [
        Chunk(ID, 0, False, 1, b"ab"),
        Chunk(ID, 1, False, 1, b"cd"),
        Chunk(ID, 2, True, 1, b"e", {"h": 1}),
    ]


def test_a_payload_of_exactly_one_size_is_one_chunk() -> None:
    assert [chunk.done for chunk in pieces(b"ab", 2)] == [True]


def test_a_payload_without_bytes_is_refused() -> None:
    with pytest.raises(CodecError, match="no bytes"):
        pieces(b"", 2)


def test_a_message_in_one_chunk_needs_no_memory() -> None:
    reassembler = Reassembler(ReassemblyLimits(max_messages=0, max_bytes=0))

    assert reassembler.add(pieces(b"ab", 9)[0], 0) == WholeMessage(1, b"ab", {"h": 1})


@given(st.binary(min_size=1), st.binary(min_size=1), st.integers(1, 5), st.randoms())
def test_interleaved_messages_come_out_whole(
    first: bytes, second: bytes, size: int, random: object
) -> None:
    queues = [pieces(first, size), pieces(second, size, OTHER)]
    reassembler = Reassembler()
    whole = []
    while any(queues):
        queue = random.choice([each for each in queues if each])  # type: ignore[attr-defined]
        message = reassembler.add(queue.pop(0), 0)
        if message is not None:
            whole.append(message.raw)

    assert sorted(whole) == sorted([first, second])
    assert reassembler.dropped == 0


def test_a_message_that_does_not_begin_at_zero_is_dropped() -> None:
    reassembler = Reassembler()

    assert [reassembler.add(chunk, 0) for chunk in pieces(b"abc", 1)[1:]] == [None, None]
    assert reassembler.dropped == 2


@pytest.mark.parametrize("order", [[0, 2], [0, 0, 1, 2], [0, 1, 1, 2]])
def test_a_message_out_of_order_is_dropped(order: list[int]) -> None:
    reassembler = Reassembler()
    chunks = pieces(b"abc", 1)

    assert all(reassembler.add(chunks[number], 0) is None for number in order)


def test_the_encoding_is_that_of_the_last_chunk() -> None:
    reassembler = Reassembler()
    reassembler.add(Chunk(ID, 0, False, 0, b"a"), 0)

    assert reassembler.add(Chunk(ID, 1, True, 1, b"b"), 0) == WholeMessage(1, b"ab", None)


def test_an_unfinished_message_is_given_up_after_two_minutes() -> None:
    reassembler = Reassembler()
    first, second = pieces(b"ab", 1)
    reassembler.add(first, 0)

    assert reassembler.add(second, 120) is None


def test_an_unfinished_message_is_kept_for_almost_two_minutes() -> None:
    reassembler = Reassembler()
    first, second = pieces(b"ab", 1)
    reassembler.add(first, 0)

    assert reassembler.add(second, 119.9) == WholeMessage(1, b"ab", {"h": 1})


def test_unfinished_messages_are_bounded_in_number() -> None:
    reassembler = Reassembler(ReassemblyLimits(max_messages=1))
    reassembler.add(pieces(b"ab", 1)[0], 0)
    reassembler.add(pieces(b"ab", 1, OTHER)[0], 0)

    assert reassembler.add(pieces(b"ab", 1, OTHER)[1], 0) is None
    assert reassembler.add(pieces(b"ab", 1)[1], 0) is not None


def test_unfinished_messages_are_bounded_in_bytes() -> None:
    reassembler = Reassembler(ReassemblyLimits(max_bytes=3))
    first, second = pieces(b"aabb", 2)
    reassembler.add(first, 0)

    assert reassembler.add(second, 0) is None
    assert reassembler.add(pieces(b"ab", 1, OTHER)[0], 0) is None
    assert reassembler.add(pieces(b"ab", 1, OTHER)[1], 0) is not None
