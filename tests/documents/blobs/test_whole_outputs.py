"""Outputs of files that are large as they are (reference jupyterlab-rtc §7)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.documents.blobs.placeholders import PLACEHOLDER
from cocalc_jupyter_ext.documents.blobs.values import blob_id
from cocalc_jupyter_ext.documents.blobs.whole_outputs import (
    WHOLE_BYTES,
    keep_output,
    reference_to_output,
    whole_output,
)


class Store(dict[str, bytes]):
    def put(self, content: bytes) -> str | None:
        self[blob_id(content)] = content
        return blob_id(content)


LONG = "line\n" * 20_000
LARGE: list[dict[str, Any]] = [
    {"output_type": "stream", "name": "stderr", "text": LONG},
    {"output_type": "stream", "name": "stdout", "text": ["\x1b[31m", LONG]},
    {
        "output_type": "display_data",
        "data": {"application/vnd.plotly.v1+json": {"y": [1.5, None] * 30_000}},
        "metadata": {"a": 1},
    },
    {
        "output_type": "execute_result",
        "data": {"text/plain": LONG},
        "execution_count": 7,
        "metadata": {},
    },
    {"output_type": "error", "ename": "E", "evalue": "v", "traceback": [LONG, LONG]},
]


@pytest.mark.parametrize("output", LARGE)
def test_a_large_output_is_a_small_display_and_comes_back_as_it_was(
    output: dict[str, Any],
) -> None:
    store = Store()

    small = keep_output(output, store.put)

    assert small["output_type"] == "display_data"
    assert len(str(small)) < 5_000
    assert reference_to_output(small) in store
    assert whole_output(small, store.get) == output
    assert keep_output(small, store.put) == small


def test_pages_that_know_no_placeholders_show_the_beginning() -> None:
    small = keep_output(LARGE[0], Store().put)
    assert small["data"]["text/plain"].startswith("line\nline\n")
    assert small["data"]["text/plain"].endswith("\n[…]")


def test_what_is_not_large_or_cannot_be_kept_stays() -> None:
    short = {"output_type": "stream", "name": "stdout", "text": "x" * (WHOLE_BYTES - 100)}
    infinite = {"output_type": "display_data", "data": {"a/b": [float("nan")] * 50_000}}

    assert keep_output(short, Store().put) is short
    assert keep_output(LARGE[0], lambda _: None) is LARGE[0]
    assert keep_output(infinite, Store().put) is infinite  # it would not come back as it was
    assert keep_output(None, Store().put) is None


def test_what_is_gone_or_damaged_stays_a_placeholder() -> None:
    small = keep_output(LARGE[0], Store().put)

    assert whole_output(small, {}.get) is small
    for content in (b"no JSON", b"[]"):
        assert whole_output(small, lambda _, content=content: content) is small


@pytest.mark.parametrize(
    "placeholder", [None, "x", {}, {"output": None}, {"output": {"sha1": "../x"}}, {"output": 5}]
)
def test_a_malformed_placeholder_stands_for_nothing(placeholder: Any) -> None:
    output = {"output_type": "display_data", "data": {PLACEHOLDER: placeholder}}
    assert reference_to_output(output) is None
    assert whole_output(output, {}.get) is output
