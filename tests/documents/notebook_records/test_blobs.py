"""What is kept beside the document (syncdoc-jupyter §4.7)."""

import base64

import pytest

from cocalc_jupyter_ext.documents.blobs.placeholders import PLACEHOLDER, extract
from cocalc_jupyter_ext.documents.blobs.whole_outputs import keep_output
from cocalc_jupyter_ext.documents.notebook_records.blobs import (
    Elsewhere,
    Outside,
    blob_id,
    expand_data,
    extract_data,
    is_blob_id,
    reference_of,
    references_in,
)
from cocalc_jupyter_ext.documents.notebook_records.outputs import message_from_output

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


@pytest.mark.parametrize("prefix", ["", "sha1:"])
def test_a_reference_may_be_written_with_its_kind_before_it(prefix: str) -> None:
    store = Store()
    blob = prefix + (store.put(PICTURE) or "")

    assert reference_of(blob) == blob_id(PICTURE)
    assert expand_data({"image/png": blob}, store.get) == {"image/png": PICTURE_TEXT}
    assert extract_data({"image/png": blob}, store.put) == {"image/png": blob}


@pytest.mark.parametrize("value", [None, 5, "sha2:" + "a" * 40, "sha1:" + "a" * 39, ["a" * 40]])
def test_everything_else_is_no_reference(value: object) -> None:
    assert reference_of(value) is None


def test_what_the_shared_types_keep_outside_is_carried_over_without_its_bytes() -> None:
    large = b"x" * 10_000
    data = {"image/png": base64.b64encode(large).decode(), "text/html": "h" * 10_000}
    shared = extract(data, blob_id)

    def never(content: bytes) -> str:
        raise AssertionError(content)

    small = extract_data(shared, never)
    assert small == {"image/png": blob_id(large), "iframe": blob_id(b"h" * 10_000)}

    again = expand_data(small, lambda _: Elsewhere(10_000))
    assert again == shared


def test_what_nobody_has_is_named_in_the_shared_types() -> None:
    again = expand_data({"image/png": "a" * 40, "text/plain": "x"}, lambda _: Elsewhere())

    assert again == {
        "text/plain": "x",
        PLACEHOLDER: {"blobs": {"image/png": {"sha1": "a" * 40}}},
    }


def test_references_of_a_record_are_those_of_outputs_and_attachments() -> None:
    record = {
        "output": {
            "0": {"data": {"image/png": "a" * 40, "text/plain": "b" * 40, "iframe": "c" * 40}},
            "1": {"name": "stdout", "text": "d" * 40},
            "2": {"data": {"image/svg+xml": "sha1:" + "e" * 40, "text/html": "f" * 40}},
            "3": None,
        },
        "attachments": {
            "x.png": {"type": "sha1", "value": "1" * 40},
            "y.png": {"type": "base64", "value": "2" * 40},
            "z.png": None,
        },
    }

    assert list(references_in(record)) == ["a" * 40, "c" * 40, "e" * 40, "1" * 40]
    assert list(references_in({"output": None, "attachments": "x"})) == []


def test_large_text_that_shared_types_keep_outside_is_inline_in_records() -> None:
    store = Store()
    output = {"output_type": "stream", "name": "stdout", "text": "x" * 100_000}

    message = message_from_output(keep_output(output, store.put), Outside(store.put, store.get))

    assert message == {"name": "stdout", "text": "x" * 100_000}
