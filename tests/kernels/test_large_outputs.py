import json

import pytest

from cocalc_jupyter_ext.kernels.large_outputs import shortened_text, too_large


def content(text, **options):
    return json.dumps({"name": "stderr", "text": text}, **options).encode()


def shortened(text, max_bytes, **options):
    found = shortened_text(content(text, **options), max_bytes)
    assert found is not None
    assert found["name"] == "stderr"
    return found["text"]


def test_both_ends_of_a_long_text_are_kept():
    assert shortened("a" * 50 + "b" * 50, 20) == (
        "a" * 10 + "\n[80 bytes are not shown.]\n" + "b" * 10
    )


def test_a_text_that_is_short_enough_is_left_alone():
    assert shortened_text(content("a" * 20), 20) is None


@pytest.mark.parametrize("options", [{}, {"ensure_ascii": False}, {"separators": (",", ":")}])
@pytest.mark.parametrize("char", ["\n", "\\", '"', "ä", "🐍", "\x1b"])
def test_a_cut_within_a_character_breaks_nothing(char, options):
    for max_bytes in range(60, 100, 2):
        text = shortened(char * 100, max_bytes, **options)
        head, _, tail = text.split("\n[")[0], *text.partition(" are not shown.]\n")[1:]
        text.encode()
        assert set(head) <= {char, "\N{REPLACEMENT CHARACTER}"}  # for half of a character
        assert char * 2 in head
        assert tail.endswith(char)


@pytest.mark.parametrize("other", [b"[1]", b"{}", b'{"text": "a", "name": "stdout"}', b"x" * 100])
def test_what_is_not_as_kernels_write_it_is_left_to_the_parser(other):
    assert shortened_text(other, 2) is None


def test_what_is_not_shown_is_told_with_its_size():
    line = "[An output of 300 MB is too large to be shown.]"

    assert too_large("display_data", 300_000_000) == (
        "stream",
        {"name": "stderr", "text": f"{line}\n"},
    )


def test_an_error_that_is_too_large_is_an_error_still():
    """syncdoc-jupyter §9.6: text on stderr alone is no failure of a test that is graded."""
    kind, content = too_large("error", 300_000_000)

    assert kind == "error"
    assert content.keys() == {"ename", "evalue", "traceback"}
    assert "300 MB is too large" in content["evalue"]
