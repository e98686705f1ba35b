"""Lines as editors count them."""

import pytest

from cocalc_jupyter_ext.documents.history.lines import common_ends, lines_of, matcher_of


@pytest.mark.parametrize("text", ["", "a", "a\n", "\n", "a\n\nb", "a\r\nb\x0cc\u2028d\n", "🐍\n"])
def test_all_lines_together_are_the_text(text: str) -> None:
    assert "".join(lines_of(text)) == text


def test_only_a_line_feed_ends_a_line() -> None:
    assert lines_of("a\x0cb\u2028c\rd\ne") == ["a\x0cb\u2028c\rd\n", "e"]


@pytest.mark.parametrize(
    ("old", "new", "ends"),
    [
        ("abcd", "abXd", (2, 1)),
        ("aa", "aaa", (2, 0)),
        ("", "ab", (0, 0)),
        ("ab", "ab", (2, 0)),
        ("ab", "cd", (0, 0)),
    ],
)
def test_common_ends_never_overlap(old: str, new: str, ends: tuple[int, int]) -> None:
    assert common_ends(list(old), list(new)) == ends


def test_frequent_lines_of_ordinary_texts_are_matched() -> None:
    lines = ["pass\n"] * 300

    assert matcher_of(lines, [*lines[:150], "x\n", *lines[150:]]).ratio() > 0.99
