"""A notebook's shared types and records, part by part (SPEC B3 to B5)."""

from collections.abc import Callable
from typing import Any

import pytest
from jupyter_ydoc import YNotebook
from pycrdt import Map, TransactionEvent

from cocalc_jupyter_ext.documents.bridge.notebook_face import NotebookFace
from cocalc_jupyter_ext.documents.notebook_cells import shared_output
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.records import Records

from ...support.notebooks import notebook


class Both:
    """A shared notebook with its face, and the records."""

    def __init__(self, *sources: str) -> None:
        self.shared = YNotebook()
        self.shared.set(notebook(*sources))
        self.face = NotebookFace(self.shared, put=lambda _: None, get=lambda _: None)
        self.records = self.face.pull_all(Records(NOTEBOOK_SCHEMA))
        self.updates: list[bytes] = []
        self.shared.ydoc.observe(self._on_update)

    def _on_update(self, event: TransactionEvent) -> None:
        self.updates.append(event.update)

    def pull(self) -> Records:
        self.records = self.face.pull(self.records)
        return self.records

    def push(self, edit: Callable[[Records], object]) -> None:
        before = self.records.copy()
        edit(self.records)
        self.updates.clear()
        with self.shared.ydoc.transaction():
            self.face.push(before, self.records)

    def cell(self, cell_id: str) -> Any:
        return self.records.get_one({"type": "cell", "id": cell_id})


def test_one_key_of_another_person_is_a_tiny_edit_that_replaces_nothing() -> None:
    both = Both("x = 1\n" * 1000, "two")
    source = both.shared.ycells[0]["source"]
    text = str(source)

    both.push(
        lambda r: r.set({"type": "cell", "id": "c0", "input": text[:3000] + "y" + text[3000:]})
    )

    assert len(both.updates) == 1
    assert len(both.updates[0]) < 50
    assert str(source) == text[:3000] + "y" + text[3000:]


def test_what_was_pushed_is_not_pulled_back() -> None:
    both = Both("one", "two")
    both.push(
        lambda r: r.set({"type": "cell", "id": "c1", "input": "2", "pos": -4, "scrolled": True})
    )
    expected = both.records.copy()

    assert both.pull() == expected


def test_an_equal_value_is_no_edit() -> None:
    both = Both("one")

    both.push(lambda r: r.set({"type": "cell", "id": "c0", "state": "busy", "start": 5}))

    assert both.updates == []


def test_outputs_that_grow_keep_what_is_there() -> None:
    both = Both("one")
    both.push(
        lambda r: r.set(
            {"type": "cell", "id": "c0", "output": {"0": {"name": "stdout", "text": "a" * 5000}}}
        )
    )
    first = both.shared.ycells[0]["outputs"][0]["text"]

    both.push(
        lambda r: r.set(
            {
                "type": "cell",
                "id": "c0",
                "output": {"0": {"name": "stdout", "text": "a" * 5000 + "b"}},
            }
        )
    )

    assert str(first) == "a" * 5000 + "b"
    assert len(both.updates[0]) < 60


def test_outputs_and_counts_and_metadata_of_the_shared_types_become_fields() -> None:
    both = Both("one")
    cell = both.shared.ycells[0]
    cell["outputs"].append(shared_output({"output_type": "stream", "name": "stdout", "text": "x"}))
    cell["execution_count"] = 3.0
    cell["metadata"]["tags"] = ["slow"]

    both.pull()

    record = both.cell("c0")
    assert record["output"] == {"0": {"name": "stdout", "text": "x"}}
    assert record["exec_count"] == 3
    assert record["tags"] == {"slow": True}


def test_that_a_cell_is_trusted_is_not_told_to_cocalc_clients() -> None:
    both = Both("one")
    before = both.records.copy()
    both.shared.ycells[0]["metadata"]["trusted"] = True

    assert both.pull() == before
    assert both.cell("c0").get("metadata") is None

    both.shared.ycells[0]["metadata"]["jupyter"] = {"source_hidden": True}

    both.pull()
    assert both.cell("c0")["metadata"] == {"jupyter": {"source_hidden": True}}


def test_a_trusted_cell_stays_trusted_when_a_cocalc_client_edits_its_metadata() -> None:
    both = Both("one")
    metadata = both.shared.ycells[0]["metadata"]
    metadata["trusted"] = True
    metadata["mine"] = 1
    both.pull()

    both.push(lambda r: r.set({"type": "cell", "id": "c0", "metadata": {"mine": 2, "new": 3}}))
    assert metadata.to_py() == {"trusted": True, "mine": 2, "new": 3}

    both.push(lambda r: r.set({"type": "cell", "id": "c0", "metadata": None, "scrolled": True}))
    assert metadata.to_py() == {"trusted": True, "scrolled": True}
    assert both.cell("c0").get("metadata") is None


def test_a_moved_cell_stays_trusted() -> None:
    both = Both("one", "two")
    both.shared.ycells[0]["metadata"]["trusted"] = True
    both.pull()

    both.push(lambda r: r.set({"type": "cell", "id": "c0", "pos": 9}))

    moved = both.shared.ycells[1].to_py()
    assert (moved["id"], moved["metadata"]) == ("c0", {"trusted": True})


@pytest.mark.parametrize(
    "odd",
    [
        {"what": "ever"},
        {"data": "no map"},
        {"ename": "E", "traceback": 5},
        {"name": "stdout", "text": None},
        {"more_output": True},
    ],
)
def test_outputs_of_unknown_shape_disturb_nothing(odd: dict[str, Any]) -> None:
    both = Both("one")

    both.push(lambda r: r.set({"type": "cell", "id": "c0", "output": {"0": odd}, "input": "1"}))

    assert str(both.shared.ycells[0]["source"]) == "1"


def test_a_cell_changes_its_type_in_its_place() -> None:
    both = Both("one", "two")

    both.push(lambda r: r.set({"type": "cell", "id": "c0", "cell_type": "markdown"}))

    assert [c["cell_type"] for c in both.shared.ycells] == ["markdown", "code"]
    assert str(both.shared.ycells[0]["source"]) == "one"


def test_a_cell_between_two_of_the_same_position_renumbers_them() -> None:
    both = Both("one", "two")
    both.records.set({"type": "cell", "id": "c1", "pos": 0})
    both.shared.ycells.insert(
        1, both.shared.create_ycell({"cell_type": "raw", "id": "n", "source": "new"})
    )

    both.pull()

    assert [both.cell(i)["pos"] for i in ("c0", "n", "c1")] == [0, 1, 2]


def test_half_a_character_in_a_record_is_shown_as_a_replacement() -> None:
    both = Both("one")

    both.push(lambda r: r.set({"type": "cell", "id": "c0", "input": "a\ud83c"}))

    assert str(both.shared.ycells[0]["source"]) == "a\ufffd"


def test_records_that_the_shared_types_cannot_name_are_left_alone() -> None:
    both = Both("one")

    both.push(lambda r: r.set({"type": "cell", "id": 7, "input": "number"}))

    assert len(both.shared.ycells) == 1
    assert both.records.get({"id": 7})[0]["input"] == "number"


def test_the_kernel_is_carried_over_both_ways() -> None:
    both = Both("one")

    both.push(lambda r: r.set({"type": "settings", "kernel": "ir"}))
    assert both.shared.get()["metadata"]["kernelspec"]["name"] == "ir"
    both.shared.ydoc.get("meta", type=Map)["metadata"]["kernelspec"] = {"name": "Python3"}
    both.pull()

    assert both.records.get_one({"type": "settings"})["kernel"] == "python3"  # type: ignore[index]


@pytest.mark.parametrize(
    "odd",
    [
        {"metadata": "text"},
        {"metadata": [1]},
        {"kernel": 5},
        {"kernel": {"name": "python3"}},
    ],
)
def test_settings_of_unknown_shape_disturb_nothing(odd: dict[str, Any]) -> None:
    both = Both("one")
    both.push(lambda r: r.set({"type": "settings", "kernel": "python3", "metadata": {"a": 1}}))

    both.push(lambda r: r.set({"type": "settings", **odd}))
    both.push(lambda r: r.set({"type": "cell", "id": "c0", "input": "two"}))
    both.push(lambda r: r.set({"type": "settings", "kernel": "ir", "metadata": {"b": 2}}))

    content = both.shared.get()
    assert content["cells"][0]["source"] == "two"
    assert content["metadata"]["kernelspec"]["name"] == "ir"
    assert content["metadata"]["b"] == 2


@pytest.mark.parametrize("metadata", [{"slideshow": 7}, {"slideshow": "x", "cocalc": [1]}])
def test_metadata_of_unknown_shape_give_way_to_what_a_cell_says(metadata: dict[str, Any]) -> None:
    both = Both("one")
    question = {"0": {"name": "input", "opts": {"prompt": "?"}, "value": "x"}}

    both.push(
        lambda r: r.set(
            {"type": "cell", "id": "c0", "metadata": metadata, "slide": "skip", "output": question}
        )
    )

    assert both.shared.get()["cells"][0]["metadata"]["slideshow"] == {"slide_type": "skip"}
