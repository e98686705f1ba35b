"""Hunks between two texts."""

import random
import time

from cocalc_jupyter_ext.documents.history.diff import Hunk, diff_texts
from cocalc_jupyter_ext.documents.history.lines import lines_of


def numbered(count: int) -> list[str]:
    return [f"line {number}\n" for number in range(1, count + 1)]


def patched(old: str, hunks: list[Hunk]) -> str:
    """Apply hunks strictly, as ``patch`` does."""
    lines, result, done = lines_of(old), [], 0
    for hunk in hunks:
        start = hunk.old_start - 1
        result += lines[done:start]
        assert len(result) == hunk.new_start - 1
        assert [line for sign, line in hunk.lines if sign != "+"] == lines[
            start : start + hunk.old_count
        ]
        result += [line for sign, line in hunk.lines if sign != "-"]
        done = start + hunk.old_count
        assert len(result) == hunk.new_start - 1 + hunk.new_count
    return "".join(result + lines[done:])


def test_equal_texts_have_no_hunks() -> None:
    assert diff_texts("a\nb", "a\nb") == []


def test_a_change_is_shown_with_three_lines_around_it() -> None:
    old = numbered(20)
    new = [*old[:9], "changed\n", *old[10:]]

    assert diff_texts("".join(old), "".join(new)) == [
        Hunk(
            old_start=7,
            old_count=7,
            new_start=7,
            new_count=7,
            lines=(
                *(("=", line) for line in old[6:9]),
                ("-", "line 10\n"),
                ("+", "changed\n"),
                *(("=", line) for line in old[10:13]),
            ),
        )
    ]


def test_changes_far_from_each_other_are_hunks_of_their_own() -> None:
    old = numbered(40)
    new = ["first\n", *old[:20], *old[21:]]

    hunks = diff_texts("".join(old), "".join(new))

    assert [(hunk.old_start, hunk.new_start) for hunk in hunks] == [(1, 1), (18, 19)]


def test_a_missing_end_of_the_last_line_is_a_change() -> None:
    assert diff_texts("a\n", "a")[0].lines == (("-", "a\n"), ("+", "a"))


def test_a_text_can_begin_and_end() -> None:
    assert diff_texts("", "a\n")[0].to_json() == {
        "old_start": 1,
        "old_count": 0,
        "new_start": 1,
        "new_count": 1,
        "lines": [["+", "a\n"]],
    }
    assert diff_texts("a\n", "")[0].lines == (("-", "a\n"),)


def test_hunks_turn_the_old_text_into_the_new_one() -> None:
    rng = random.Random(7)
    for _ in range(300):
        old = [rng.choice("abcdefgh") + "\n" for _ in range(rng.randrange(60))]
        new = list(old)
        for _ in range(rng.randrange(8)):
            place = rng.randrange(len(new) + 1)
            new[place : place + rng.randrange(3)] = rng.choices("abcxyz", k=rng.randrange(3))
        before, after = "".join(old), "".join(new)

        assert patched(before, diff_texts(before, after)) == after


def test_long_texts_of_frequent_lines_are_compared_in_time() -> None:
    rng = random.Random(7)
    old = "".join(rng.choice(["pass\n", "\n", "}\n"]) for _ in range(20_000))
    new = "".join(rng.choice(["pass\n", "\n", "}\n"]) for _ in range(20_000))

    begin = time.perf_counter()
    hunks = diff_texts(old, new)

    assert time.perf_counter() - begin < 5
    assert patched(old, hunks) == new
