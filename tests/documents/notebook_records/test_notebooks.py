"""Whole notebooks: those of this repository, and any others (syncdoc-jupyter §7)."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.notebook_records.blobs import blob_id
from cocalc_jupyter_ext.documents.notebook_records.notebooks import (
    NOTEBOOK_SCHEMA,
    notebook_from_records,
    records_from_notebook,
)
from cocalc_jupyter_ext.documents.syncdoc.records import Records

ROOT = Path(__file__).parents[3]
NOTEBOOKS = [ROOT / "cocalc_hub_ext" / "data" / "welcome.ipynb"]


class Blobs(dict[str, bytes]):
    def put(self, content: bytes) -> str:
        self[blob_id(content)] = content
        return blob_id(content)


def round_trip(notebook: dict[str, Any]) -> dict[str, Any]:
    blobs = Blobs()
    records = records_from_notebook(notebook, blobs.put)
    text = Records(NOTEBOOK_SCHEMA, records).to_text()
    spec = notebook["metadata"].get("kernelspec")
    return notebook_from_records(
        Records.from_text(NOTEBOOK_SCHEMA, text), blobs.get, kernelspec=spec
    )


def normal(notebook: dict[str, Any]) -> dict[str, Any]:
    """Take away what the contract does not keep: line breaks of base64, the order of tags."""
    notebook = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
    for cell in notebook["cells"]:
        metadata = cell["metadata"]
        for flag in ("collapsed", "scrolled"):
            if not metadata.get(flag):
                metadata.pop(flag, None)
        if "tags" in metadata:
            metadata["tags"] = sorted(metadata["tags"])
        if not metadata.get("tags", True):
            del metadata["tags"]
        for output in cell.get("outputs", []):
            for mime, value in output.get("data", {}).items():
                if mime.startswith("image/") and mime != "image/svg+xml":
                    output["data"][mime] = "".join(value.split())
    return notebook  # type: ignore[no-any-return]  # nbformat is untyped here


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_notebooks_of_this_repository_survive(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    _changes, notebook = nbformat.validator.normalize(notebook)
    notebook["nbformat_minor"] = 5

    again = round_trip(notebook)

    nbformat.validate(again)  # type: ignore[no-untyped-call]
    assert normal(again) == normal(notebook)


text = st.text("ab🐍\n", max_size=6)
values = st.none() | st.booleans() | st.integers(-5, 5) | text | st.lists(st.integers(0, 2))
bundles = st.dictionaries(
    st.sampled_from(["text/plain", "text/html", "image/svg+xml", "text/latex"]), text
)
outputs = st.one_of(
    st.builds(lambda t: {"output_type": "stream", "name": "stdout", "text": t}, text),
    st.builds(lambda d: {"output_type": "display_data", "data": d, "metadata": {}}, bundles),
    st.builds(
        lambda d, n: {
            "output_type": "execute_result",
            "data": d,
            "metadata": {},
            "execution_count": n,
        },
        bundles,
        st.none() | st.integers(1, 9),
    ),
    st.builds(lambda t: {"output_type": "error", "ename": t, "evalue": t, "traceback": [t]}, text),
)
metadata = st.dictionaries(st.sampled_from(["x", "cocalc", "jupyter", "y"]), values)
cells = st.one_of(
    st.builds(
        lambda s, m, o, n: {
            "cell_type": "code",
            "source": s,
            "metadata": m,
            "outputs": o,
            "execution_count": n,
        },
        text,
        metadata,
        st.lists(outputs, max_size=3),
        st.none() | st.integers(0, 9),
    ),
    st.builds(
        lambda k, s, m: {"cell_type": k, "source": s, "metadata": m},
        st.sampled_from(["markdown", "raw"]),
        text,
        metadata,
    ),
)


@given(st.lists(cells, max_size=4), metadata)
def test_any_notebook_survives(cells: list[dict[str, Any]], metadata: dict[str, Any]) -> None:
    numbered = [{**cell, "id": f"c{index}"} for index, cell in enumerate(cells)]
    notebook = {"cells": numbered, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}

    assert round_trip(notebook) == notebook


def test_a_file_that_is_loaded_again_edits_the_cells_of_the_same_places() -> None:
    cell = {"cell_type": "code", "id": "x", "source": "", "metadata": {}, "outputs": []}
    notebook = {"cells": [cell, {**cell, "id": "y"}, {**cell, "id": "a"}], "metadata": {}}

    records = records_from_notebook(notebook, Blobs().put, ids=["a", "b"])

    assert [record.get("id") for record in records] == ["a", "b", "a-2", None]


def test_of_two_cells_with_one_id_both_are_kept() -> None:
    cell = {"cell_type": "raw", "id": "x", "source": "", "metadata": {}}

    records = records_from_notebook({"cells": [cell, cell], "metadata": {}}, Blobs().put)

    assert [record.get("id") for record in records] == ["x", "x-2", None]


def test_the_settings_hold_kernel_and_metadata_and_no_id() -> None:
    metadata = {"kernelspec": {"name": "Python3"}, "language_info": {"name": "python"}}

    records = records_from_notebook({"cells": [], "metadata": metadata}, Blobs().put)

    assert records == [
        {"type": "settings", "kernel": "python3", "metadata": {"language_info": {"name": "python"}}}
    ]
