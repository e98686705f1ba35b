import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocalc_jupyter_ext.kernels.stream_text import StreamText, TextEdit

CHUNKS = st.lists(st.text(alphabet="aXé😀 \r\n\b", max_size=12), max_size=12)
COLOURED = st.lists(
    st.lists(
        st.sampled_from(
            ["a", "bc", "\n", "\r", "\b", "\x1b[31m", "\x1b[0m", "\x1b[K", "\x1b[2K", "\x1b["]
        ),
        max_size=8,
    ).map("".join),
    max_size=12,
)


def terminal(text: str) -> str:
    """What a terminal of unlimited size shows: a grid of characters and a cursor."""
    grid: list[dict[int, str]] = [{}]
    row = column = 0
    for char in text:
        if char == "\n":
            row, column = row + 1, 0
            grid.append({})
        elif char == "\r":
            column = 0
        elif char == "\b":
            column = max(0, column - 1)
        else:
            grid[row][column] = char
            column += 1
    return "\n".join("".join(line[i] for i in sorted(line)) for line in grid)


def apply(text: str, edit: TextEdit) -> str:
    assert text.endswith(edit.erase)
    return text[: len(text) - len(edit.erase)] + edit.add


def printed(*chunks: str) -> str:
    stream = StreamText()
    for chunk in chunks:
        stream.write(chunk)
    stream.take_edit()
    return str(stream)


@settings(deadline=None)
@given(CHUNKS)
def test_the_text_is_what_a_terminal_shows(chunks):
    assert printed(*chunks) == terminal("".join(chunks))


@settings(deadline=None)
@given(CHUNKS | COLOURED, st.lists(st.booleans(), min_size=12, max_size=12))
def test_the_edits_taken_at_any_moments_add_up_to_the_text(chunks, take_after):
    stream = StreamText()
    copy = ""
    for chunk, take in zip(chunks, take_after, strict=False):
        stream.write(chunk)
        if take:
            copy = apply(copy, stream.take_edit())
            assert copy == str(stream)
    assert apply(copy, stream.take_edit()) == str(stream)


@settings(deadline=None)
@given(COLOURED)
def test_the_text_does_not_depend_on_where_messages_were_cut(chunks):
    whole = "".join(chunks)
    assert printed(*whole) == printed(whole)


def test_a_progress_bar_edits_only_its_own_line():
    stream = StreamText()
    stream.write("start\n 10%")
    stream.take_edit()
    stream.write("\r 20%")
    stream.write("\r 30%")
    assert stream.take_edit() == TextEdit(erase=" 10%", add=" 30%")


def test_nothing_new_is_a_false_edit():
    stream = StreamText()
    stream.write("x")
    assert stream.take_edit()
    assert not stream.take_edit()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc\r\ndef", "abc\ndef"),
        ("abcdef\rXY", "XYcdef"),
        ("abcdef\rXY\nZ", "XYcdef\nZ"),
        ("ab\b\b\b\bX", "Xb"),
        ("\x1b[32mok\x1b[0m\n", "\x1b[32mok\x1b[0m\n"),
        ("loading\r\x1b[2Kdone", "done"),
        ("loading\rdone\x1b[K", "done"),
        ("\x1b[31mab\x1b[0m\rX", "Xb\x1b[0m"),
    ],
)
def test_control_characters(text, shown):
    assert printed(text) == shown


def test_a_line_without_end_stays_fast_to_extend():
    stream = StreamText()
    for _ in range(100):
        stream.write("." * 1000)
        stream.take_edit()
    assert str(stream) == "." * 100_000
    assert len(stream) == 100_000
