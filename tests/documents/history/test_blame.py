"""Who wrote each line: the version that brought it."""

import random
import time
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.history import blame as blame_module
from cocalc_jupyter_ext.documents.history.blame import Blame, LineBlame, Passage
from cocalc_jupyter_ext.documents.history.lines import lines_of
from cocalc_jupyter_ext.documents.history.shapes import shape_of
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.patch_graph import PatchGraph
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch
from cocalc_jupyter_ext.documents.syncdoc.records import Records

from ...support.histories import MadeHistory

TEXT = shape_of(DocumentType())
NOTEBOOK = shape_of(DocumentType(NOTEBOOK_SCHEMA))


def history_of(*texts: str) -> MadeHistory:
    history = MadeHistory(TEXT.kind)
    for text in texts:
        history.commit(text)
    return history


def blamed(graph: PatchGraph[Any], key: str = "", blame: Blame | None = None) -> list[int]:
    """Return the version of each line, counted from 0."""
    passages = (blame or Blame(TEXT)).advance(graph)[key]
    assert [each.start for each in passages[1:]] == [each.start + each.count for each in passages][
        :-1
    ]
    return [each.version - 1000 for each in passages for _ in range(each.count)]


def test_a_line_belongs_to_the_version_that_brought_it() -> None:
    history = history_of("a\nb\nc\n", "a\nB\nc\n", "a\nB\nc\nd", "new\na\nB\nc\nd")

    assert blamed(history.graph) == [3, 0, 1, 0, 2]


def test_neighbouring_lines_of_one_version_are_one_passage() -> None:
    lines = LineBlame()
    lines.update("a\nb\n", 7)
    lines.update("a\nb\nc", 9)

    assert lines.passages() == [Passage(1, 2, 7), Passage(3, 1, 9)]


def test_an_empty_text_has_no_lines() -> None:
    assert blamed(history_of("a", "").graph) == []


def test_a_line_that_was_deleted_and_comes_back_is_new() -> None:
    assert blamed(history_of("a\nb\n", "b\n", "a\nb\n").graph) == [2, 0]


def test_lines_of_both_branches_keep_their_authors() -> None:
    history = history_of("a\nb\nc\n")
    left = history.commit("a\nb\nc\nleft\n", parents=[1000], user_id=1)
    history.commit("right\na\nb\nc\n", parents=[1000], user_id=2)

    assert history.graph.value() == "right\na\nb\nc\nleft\n"
    assert blamed(history.graph) == [2, 0, 0, 0, left - 1000]


def test_a_blame_goes_on_where_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    history, blame = history_of("a\n", "a\nb\n"), Blame(TEXT)
    assert blamed(history.graph, blame=blame) == [0, 1]
    history.commit("a\nb\nc\n")
    asked: list[int] = []
    patch_of = history.graph.patch

    def asked_patch(time: int) -> Patch:
        asked.append(time)
        return patch_of(time)

    monkeypatch.setattr(history.graph, "patch", asked_patch)

    assert blamed(history.graph, blame=blame) == [0, 1, 2]
    assert asked == [1002]


def test_a_patch_that_comes_late_is_seen() -> None:
    history, blame = history_of("a\nb\nc\n"), Blame(TEXT)
    history.put(Patch(time=1009, changes=[], user_id=0, parents=(1000,)))
    blame.advance(history.graph)
    changes = TEXT.kind.difference("a\nb\nc\n", "late\na\nb\nc\n")
    history.put(Patch(time=1005, changes=changes, user_id=1, parents=(1000,)))

    assert blamed(history.graph, blame=blame) == [5, 0, 0, 0]


def test_a_snapshot_on_the_way_hides_nobody() -> None:
    history = history_of("a\n", "a\nb\n", "a\nb\nc\n")
    history.snapshot(1001)

    assert blamed(history.graph) == [0, 1, 2]


def test_lines_that_the_document_has_lost_by_a_late_patch_are_nobodys() -> None:
    history = history_of("a\n", "a\nb\n", "a\nb\nc\n")
    history.snapshot(1002)
    changes = TEXT.kind.difference("a\n", "x\na\n")
    history.put(Patch(time=1003, changes=changes, user_id=1, parents=(1000,)))
    lines = lines_of(history.graph.value())

    assert "b\n" not in lines
    assert len(blamed(history.graph)) == len(lines)


def test_lines_older_than_a_pruned_history_are_those_of_its_first_version() -> None:
    history = history_of("a\n", "a\nb\n", "a\nb\nc\n")
    history.snapshot(1001)
    left = PatchGraph(TEXT.kind)
    left.add(stored.item for stored in history.stored[1:])

    assert blamed(left) == [1, 1, 2]


def test_only_so_many_versions_are_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blame_module, "MAX_BLAMED", 2)

    assert blamed(history_of("a\n", "a\nb\n", "a\nb\nc\n").graph) == [1, 1, 2]


def test_every_line_of_a_random_history_was_in_its_version_and_not_before() -> None:
    rng = random.Random(11)
    text, texts = "", []
    for number in range(200):
        lines = lines_of(text)
        place = rng.randrange(len(lines) + 1)
        lines[place : place + rng.randrange(2)] = [f"line {number}\n"]
        text = "".join(lines)
        texts.append(text)

    versions = blamed(history_of(*texts).graph)

    assert [f"line {number}\n" for number in versions] == lines_of(text)


def notebook(*cells: tuple[str, str], **settings: Any) -> Records:
    found = [
        {"type": "cell", "id": cell_id, "pos": index, "input": source}
        for index, (cell_id, source) in enumerate(cells)
    ]
    return Records(NOTEBOOK_SCHEMA, [*found, {"type": "settings", **settings}])


def notebook_blame(*values: Records) -> dict[str, list[int]]:
    history = MadeHistory(NOTEBOOK.kind)
    for value in values:
        history.commit(value)
    found = Blame(NOTEBOOK).advance(history.graph)
    return {
        key: [each.version - 1000 for each in passages for _ in range(each.count)]
        for key, passages in found.items()
    }


def test_each_cell_of_a_notebook_has_a_blame() -> None:
    assert notebook_blame(
        notebook(("a", "1\n2")),
        notebook(("a", "1\n2"), ("b", "x")),
        notebook(("a", "1\n3"), ("b", "x"), kernel="python3"),
    ) == {"a": [0, 2], "b": [1]}


def test_a_moved_cell_keeps_its_authors_and_a_deleted_one_has_none() -> None:
    assert notebook_blame(
        notebook(("a", "1"), ("b", "2"), ("c", "3")),
        notebook(("c", "3"), ("a", "1")),
    ) == {"a": [0], "c": [0]}


def test_a_notebook_that_was_emptied_has_no_cells() -> None:
    assert notebook_blame(notebook(("a", "1")), Records(NOTEBOOK_SCHEMA)) == {}


def test_ten_thousand_versions_are_blamed_in_time() -> None:
    history = MadeHistory(TEXT.kind)
    text = ""
    parents: tuple[int, ...] = ()
    for number in range(10_000):
        old, text = text, f"{text if number % 50 else ''}line {number}\n"
        changes = TEXT.kind.difference(old, text)
        history.put(Patch(time=1000 + number, changes=changes, user_id=0, parents=parents))
        parents = (1000 + number,)
    blame = Blame(TEXT)

    begin = time.perf_counter()
    blame.advance(history.graph)
    first_s = time.perf_counter() - begin
    print(f"blame of 10,000 versions: {first_s * 1000:.0f} ms")

    assert first_s < 10
    assert len(blame.advance(history.graph)[""]) == 50
