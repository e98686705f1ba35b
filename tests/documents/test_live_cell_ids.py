"""Which cell of a file is which cell of the live notebook (syncdoc-jupyter §7.1)."""

import pytest

from cocalc_jupyter_ext.documents.live_cell_ids import derived_id, with_live_ids

from ..support.notebooks import notebook


@pytest.mark.parametrize(
    ("live", "in_file", "expected"),
    [
        ("ab", "cd", "ab"),  # all is new: cells keep the ids of their places
        ("ab", "cde", "abe"),
        ("abc", "de", "ab"),
        ("ab", "xab", "xab"),  # known cells are the same cells wherever they stand
        ("ab", "axb", "axb"),
        ("abc", "ca", "ca"),
        ("abc", "axc", "abc"),
        ("", "ab", "ab"),
    ],
)
def test_known_cells_keep_their_ids_and_others_take_those_of_their_places(
    live: str, in_file: str, expected: str
) -> None:
    content = notebook(*in_file)
    for cell, cell_id in zip(content["cells"], in_file, strict=True):
        cell["id"] = cell_id

    found = with_live_ids(content, list(live), "room")

    assert [cell["id"] for cell in found["cells"]] == list(expected)
    assert [cell["source"] for cell in found["cells"]] == list(in_file)
    assert [cell["id"] for cell in content["cells"]] == list(in_file)


def test_cells_without_an_id_or_with_that_of_another_one_get_their_own() -> None:
    content = notebook("first", "same id", "no id")
    content["cells"][1]["id"] = "c0"
    del content["cells"][2]["id"]
    taken = derived_id("room", 2)

    ids = [cell["id"] for cell in with_live_ids(content, ["c0", taken], "room")["cells"]]

    assert ids[:2] == ["c0", taken]
    assert ids[2] not in {"c0", taken}
    assert with_live_ids(content, ["c0", taken], "room")["cells"][2]["id"] == ids[2]
