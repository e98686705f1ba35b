"""Values of outputs as bytes and back (syncdoc-jupyter §4.7)."""

import base64

import pytest

from cocalc_jupyter_ext.documents.blobs.values import (
    Wrapping,
    blob_id,
    content_of,
    is_blob_id,
    value_of,
)

CONTENT = bytes(range(256))
LINE = base64.b64encode(CONTENT).decode()
MIME_LINES = base64.encodebytes(CONTENT).decode()


@pytest.mark.parametrize(
    ("text", "wrapping"),
    [
        (LINE, Wrapping()),
        (LINE + "\n", Wrapping(ends=True)),
        (MIME_LINES, Wrapping(76, ends=True)),
        (MIME_LINES[:-1], Wrapping(76)),
        ("\n".join([LINE[:300], LINE[300:]]), Wrapping(300)),
    ],
)
@pytest.mark.parametrize("mime", ["image/png", "application/pdf"])
def test_base64_comes_back_with_the_line_breaks_that_it_had(
    mime: str, text: str, wrapping: Wrapping
) -> None:
    content = content_of(mime, text)

    assert content == CONTENT
    assert Wrapping.of(text) == wrapping
    assert Wrapping.parse(str(wrapping)) == wrapping
    assert value_of(mime, content, wrapping) == text


@pytest.mark.parametrize("text", ["<b>é🐍</b>", "", "half a character: \ud800"])
@pytest.mark.parametrize("mime", ["text/html", "image/svg+xml"])
def test_svg_and_html_are_kept_as_utf_8(mime: str, text: str) -> None:
    content = content_of(mime, text)

    assert content == text.encode(errors="surrogatepass")
    assert value_of(mime, content) == text


def test_bytes_that_are_no_text_are_shown_as_far_as_they_are() -> None:
    assert value_of("text/html", b"<b>\xff</b>") == "<b>�</b>"


@pytest.mark.parametrize(
    ("mime", "value"),
    [
        ("image/png", "no base64 !"),
        ("image/png", None),
        ("image/png", ["a"]),
        ("image/png", "a" * 40),
        ("image/png", "sha1:" + "a" * 40),
        ("text/plain", LINE),
        ("image/webp", LINE),
        ("application/json", {"a": 1}),
    ],
)
def test_everything_else_is_not_kept_outside(mime: str, value: object) -> None:
    assert content_of(mime, value) is None


def test_an_id_is_the_sha1_of_the_bytes() -> None:
    assert blob_id(b"abc") == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert is_blob_id(blob_id(b""))
    assert not is_blob_id("A" * 40)


@pytest.mark.parametrize("code", [None, 5, "0", "n5", "-1", "x", "9999999"])
def test_an_unknown_way_to_break_lines_is_none(code: object) -> None:
    assert Wrapping.parse(code) is None
