"""Sets of neighbouring numbers."""

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.sync.seq_ranges import SeqRanges

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 5)),
        st.tuples(st.just("discard"), st.integers(0, 40)),
        st.tuples(st.just("through"), st.integers(0, 40)),
    )
)


@given(STEPS)
def test_ranges_hold_what_a_set_of_numbers_would_hold(steps: list[tuple[str, int]]) -> None:
    ranges, numbers, end = SeqRanges(), set[int](), 0
    for name, number in steps:
        if name == "append":
            ranges.append(end + 2, end + 1 + number)
            numbers |= set(range(end + 2, end + 2 + number))
            end += 2 + number
        elif name == "discard":
            ranges.discard(number)
            numbers.discard(number)
        else:
            ranges.discard_through(number)
            numbers = {each for each in numbers if each > number}

        assert {n for first, last in ranges for n in range(first, last + 1)} == numbers
        assert bool(ranges) == bool(numbers)
        assert all((n in ranges) == (n in numbers) for n in range(end + 3))
        if numbers:
            assert ranges.bounds == (min(numbers), max(numbers))


def test_the_bounds_are_numbers_not_texts() -> None:
    """§3.5: sorted as text, 9 and 10 would make an empty range."""
    ranges = SeqRanges()
    ranges.append(9, 10)

    assert ranges.bounds == (9, 10)


def test_clear_takes_everything_out() -> None:
    ranges = SeqRanges()
    ranges.append(1, 3)
    ranges.clear()

    assert not ranges
