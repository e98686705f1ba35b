"""Notebook files that lack something (syncdoc-jupyter §3.2, §7.1)."""

import json
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.incomplete_notebooks import completed_notebook


def read(content: Any) -> dict[str, Any] | None:
    return completed_notebook(json.dumps(content))


@pytest.mark.parametrize("text", ["", "  \n", "{}", '{"nbformat": 4, "nbformat_minor": 4}'])
def test_a_file_without_cells_is_an_empty_notebook(text: str) -> None:
    assert completed_notebook(text) == {
        "cells": [],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def test_what_a_file_has_stays_and_what_it_lacks_is_added() -> None:
    assert read({"metadata": {"a": 1}, "cells": [{"source": "1", "id": "x"}]}) == {
        "cells": [
            {
                "cell_type": "code",
                "id": "x",
                "source": "1",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
        ],
        "metadata": {"a": 1},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    text = read({"cells": [{"cell_type": "markdown"}]})
    assert text is not None
    assert text["cells"] == [{"cell_type": "markdown", "metadata": {}, "source": ""}]


def test_what_a_cell_says_is_nothing_counts_as_missing() -> None:
    """syncdoc-jupyter §7.1: the type is code, and there is no text and no output."""
    empty = {"cell_type": None, "source": None, "outputs": None, "metadata": None, "id": "x"}

    content = read({"cells": [empty]})

    assert content is not None
    assert content["cells"] == [
        {
            "cell_type": "code",
            "id": "x",
            "source": "",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
    ]


def test_halves_of_characters_are_replaced() -> None:
    content = read({"cells": [{"source": "a \ud83d b 🐍"}]})

    assert content is not None
    assert content["cells"][0]["source"] == "a \ufffd b 🐍"


def test_a_mark_of_the_byte_order_is_no_part_of_the_text() -> None:
    assert completed_notebook("\ufeff{}") is not None


@pytest.mark.parametrize(
    "content",
    [
        [],
        7,
        {"nbformat": 3},
        {"nbformat": 9},
        {"worksheets": []},
        {"cells": 3},
        {"cells": [3]},
        {"cells": [{"id": 1}]},
        {"cells": [], "metadata": [1]},
    ],
)
def test_what_is_no_notebook_is_none(content: Any) -> None:
    assert read(content) is None


@pytest.mark.parametrize("text", ["no json", "[" * 100_000])
def test_what_cannot_be_read_is_none(text: str) -> None:
    assert completed_notebook(text) is None
