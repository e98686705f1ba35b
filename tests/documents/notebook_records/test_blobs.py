"""What is kept beside the document (syncdoc-jupyter §4.7)."""

import base64

import pytest

from cocalc_jupyter_ext.documents.notebook_records.blobs import (
    blob_id,
    expand_data,
    extract_data,
    is_blob_id,
)

PICTURE = b"\x89PNG\r\n"
PICTURE_TEXT = base64.b64encode(PICTURE).decode()


class Store(dict[str, bytes]):
    def put(self, content: bytes) -> str | None:
        self[blob_id(content)] = content
        return blob_id(content)


def test_pictures_and_pdf_are_kept_as_bytes_and_html_as_a_frame() -> None:
    store = Store()
    data = {
        "image/png": PICTURE_TEXT,
        "application/pdf": base64.b64encode(b"%PDF").decode(),
        "text/html": "<b>é</b>",
        "image/svg+xml": "<svg/>",
        "text/plain": "x",
    }

    small = extract_data(data, store.put)

    assert small == {
        "image/png": blob_id(PICTURE),
        "application/pdf": blob_id(b"%PDF"),
        "iframe": blob_id("<b>é</b>".encode()),
        "image/svg+xml": blob_id(b"<svg/>"),
        "text/plain": "x",
    }
    assert expand_data(small, store.get) == data


def test_line_breaks_in_base64_do_not_matter() -> None:
    store = Store()

    small = extract_data({"image/png": PICTURE_TEXT + "\n"}, store.put)

    assert small == {"image/png": blob_id(PICTURE)}


def test_what_is_no_base64_and_what_cannot_be_kept_stays_inline() -> None:
    assert extract_data({"image/png": "!!!"}, Store().put) == {"image/png": "!!!"}
    assert extract_data({"image/png": PICTURE_TEXT}, lambda content: None) == {
        "image/png": PICTURE_TEXT
    }
    assert extract_data({"image/png": ["a"]}, Store().put) == {"image/png": ["a"]}


def test_a_blob_that_is_gone_stays_an_id_and_an_id_is_not_kept_again() -> None:
    data = {"image/png": blob_id(PICTURE)}

    assert expand_data(data, Store().get) == data
    assert extract_data(data, Store().put) == data


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a" * 40, True), ("A" * 40, False), ("a" * 39, False), ("g" * 40, False), (None, False)],
)
def test_an_id_is_exactly_40_hexadecimal_digits(value: object, expected: bool) -> None:
    assert is_blob_id(value) is expected


def test_text_that_looks_like_an_id_is_text() -> None:
    assert expand_data({"text/plain": "a" * 40}, Store(**{"a" * 40: b"x"}).get) == {
        "text/plain": "a" * 40
    }
