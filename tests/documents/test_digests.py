"""Whether two contents are the same, said by their digests."""

import math
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.digests import content_digest, exact_digest

from ..support.notebooks import notebook

CHANGES: list[tuple[str, Any]] = [
    ("source", "b"),
    ("metadata", {"tags": ["x"]}),
    ("outputs", [{"output_type": "stream", "name": "stdout", "text": "a"}]),
    ("execution_count", 2),
]


def test_the_digest_ignores_what_contents_managers_add() -> None:
    content, read_back = notebook("a"), notebook("a")
    read_back["cells"][0]["metadata"] = {"trusted": True}
    read_back["cells"][0]["attachments"] = {}

    assert content_digest(content) == content_digest(read_back)
    assert content_digest(content) != content_digest(notebook("b"))
    assert content_digest("text") != content_digest("text ")


@pytest.mark.parametrize(("field", "value"), CHANGES)
def test_everything_in_a_cell_counts(field: str, value: object) -> None:
    content, changed = notebook("a"), notebook("a")
    changed["cells"][0][field] = value

    assert content_digest(content) != content_digest(changed)
    assert exact_digest(content, prefix="") != exact_digest(changed, prefix="")


def test_it_counts_to_which_cell_an_output_belongs() -> None:
    first, second = notebook("a", "a"), notebook("a", "a")
    output = {"output_type": "stream", "name": "stdout", "text": "a"}
    first["cells"][0]["outputs"] = second["cells"][1]["outputs"] = [output]

    assert content_digest(first) != content_digest(second)


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800"])
def test_what_no_shared_document_can_hold_has_no_exact_digest(value: object) -> None:
    content = notebook("a")
    content["cells"][0]["metadata"] = {"value": value}

    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        exact_digest(content, prefix="")
