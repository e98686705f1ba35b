"""What stands for large values in the shared types (reference jupyterlab-rtc §7)."""

import base64
import json
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.blobs.placeholders import (
    INLINE_BYTES,
    PLACEHOLDER,
    blobs_of,
    expand,
    extract,
)
from cocalc_jupyter_ext.documents.blobs.values import blob_id

LARGE = bytes(range(256)) * 40
PICTURE = base64.b64encode(LARGE).decode()


class Store(dict[str, bytes]):
    def put(self, content: bytes) -> str | None:
        self[blob_id(content)] = content
        return blob_id(content)


BUNDLES: list[dict[str, Any]] = [
    {},
    {"text/plain": "x"},
    {"image/png": PICTURE, "text/plain": "x"},
    {"image/png": PICTURE},
    {"image/png": PICTURE[:999] + "\n" + PICTURE[999:] + "\n"},
    {"image/png": PICTURE[:9] + "\n" + PICTURE[9:]},
    {"image/png": PICTURE + "\n", "application/pdf": PICTURE, "text/html": "é" * 5_000},
    {"image/svg+xml": "<svg>" + "x" * 5_000, "text/latex": "$x$"},
    {"image/png": "no base64" * 1_000},
    {"application/json": {"a": ["b"] * 5_000}, "text/markdown": "x" * 50_000},
    {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "Slider()"},
]


@pytest.mark.parametrize("data", BUNDLES)
def test_a_bundle_comes_back_as_it_was(data: dict[str, Any]) -> None:
    store = Store()

    small = extract(data, store.put)

    assert expand(small, store.get) == data
    assert extract(small, store.put) == small  # what is kept already is not touched
    json.dumps(small)


def test_a_large_picture_leaves_its_size_and_the_text_of_the_bundle() -> None:
    small = extract({"image/png": PICTURE, "text/plain": "<Figure>"}, Store().put)

    entry = {"sha1": blob_id(LARGE), "size": len(LARGE)}
    assert small == {"text/plain": "<Figure>", PLACEHOLDER: {"blobs": {"image/png": entry}}}


def test_a_bundle_without_text_gets_one_for_pages_that_know_no_placeholders() -> None:
    small = extract({"image/png": PICTURE}, Store().put)

    assert small["text/plain"] == "[image/png, 10 kB]"


def test_small_values_stay_where_any_page_can_show_them() -> None:
    edge = base64.b64encode(b"x" * INLINE_BYTES).decode()
    above = base64.b64encode(b"x" * (INLINE_BYTES + 1)).decode()
    store = Store()

    assert extract({"image/png": edge, "text/html": "<b>x</b>"}, store.put) == {
        "image/png": edge,
        "text/html": "<b>x</b>",
    }
    assert store == {}
    assert PLACEHOLDER in extract({"image/png": above}, store.put)


def test_what_cannot_be_kept_stays_in_the_document() -> None:
    assert extract({"image/png": PICTURE}, lambda _: None) == {"image/png": PICTURE}


def test_what_is_gone_stays_a_placeholder_until_it_comes_back() -> None:
    store = Store()
    data = {"image/png": PICTURE, "text/html": "x" * 5_000}
    small = extract(data, store.put)
    html = store.pop(blob_id(b"x" * 5_000))

    part = expand(small, store.get)
    assert part["image/png"] == PICTURE
    assert list(blobs_of(part)) == ["text/html"]

    store.put(html)
    assert expand(part, store.get) == data


@pytest.mark.parametrize(
    "placeholder",
    [
        None,
        "x",
        {},
        {"blobs": []},
        {"blobs": {"image/png": "x"}},
        {"blobs": {"image/png": {"sha1": "../../../etc/passwd"}}},
        {"blobs": {"text/plain": {"sha1": "a" * 40}}},
        {"blobs": {"image/png": {"sha1": "a" * 40, "wrapping": "other"}}},
    ],
)
def test_a_malformed_placeholder_stays_as_it_is_and_names_nothing(placeholder: Any) -> None:
    data = {PLACEHOLDER: placeholder, "text/plain": "x"}

    assert blobs_of(data) == {}
    assert expand(data, {"a" * 40: b"x"}.get) == data
