"""Large outputs of whole cells."""

import base64
from typing import Any

from cocalc_jupyter_ext.documents.blobs.cells import large_cells, references, small_cells
from cocalc_jupyter_ext.documents.blobs.values import blob_id

LARGE = bytes(range(256)) * 40
PICTURE = base64.b64encode(LARGE).decode()


class Store(dict[str, bytes]):
    def put(self, content: bytes) -> str | None:
        self[blob_id(content)] = content
        return blob_id(content)


def cells_with(*outputs: Any) -> list[dict[str, Any]]:
    return [
        {"cell_type": "markdown", "source": "x"},
        {"cell_type": "code", "outputs": list(outputs)},
        {"cell_type": "code", "outputs": "no list"},
    ]


def test_the_outputs_of_cells_are_moved_out_and_back_whatever_else_is_there() -> None:
    store = Store()
    output = {"output_type": "display_data", "data": {"image/png": PICTURE}, "metadata": {"a": 1}}
    cells = cells_with({"output_type": "stream", "name": "stdout", "text": "x"}, output, None)

    small = small_cells(cells, store.put)

    assert references(small) == {blob_id(LARGE)}
    assert small[1]["outputs"][1]["metadata"] == {"a": 1}
    assert large_cells(small, store.get) == cells
    assert small_cells(small, store.put) == small


def test_an_output_may_have_pictures_and_still_be_large() -> None:
    store = Store()
    data = {"image/png": PICTURE, "application/vnd.plotly.v1+json": {"x": ["y"] * 50_000}}
    cells = cells_with({"output_type": "execute_result", "execution_count": 5, "data": data})

    small = small_cells(cells, store.put)

    assert len(str(small)) < 1_000
    assert references(small) == set(store)
    assert len(store) == 2
    assert large_cells(small, store.get) == cells
