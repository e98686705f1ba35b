"""What the project does about an entry of the open files (syncdoc-jupyter §1.13, §3.1)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.documents.bridge.open_entries import (
    FRESH_MS,
    PROJECT,
    FileNotServed,
    OpenEntry,
    ServedFile,
    Step,
    next_step,
    read_entry,
    served_file,
)
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.records import RecordSchema

NOW_MS = 1_751_552_941_123
TEXT = DocumentType(has_cursors=False)
NOTEBOOK = DocumentType(NOTEBOOK_SCHEMA)


def entry(**options: Any) -> OpenEntry:
    known = {"path": "a.txt", "touched_ms": NOW_MS - 1000, "doctype": TEXT}
    return OpenEntry(**{**known, **options})


def step(given: OpenEntry, *, is_open: bool = False, is_ours: bool = True) -> Step:
    return next_step(given, now_ms=NOW_MS, is_open=is_open, is_ours=is_ours)


def test_a_file_is_opened_once_while_somebody_looks_at_it() -> None:
    assert step(entry()) is Step.OPEN
    assert step(entry(touched_ms=NOW_MS - FRESH_MS)) is Step.OPEN
    assert step(entry(backend=PROJECT)) is Step.OPEN
    assert step(entry(), is_open=True) is Step.NOTHING


@pytest.mark.parametrize("path", ["a.txt", "todo.tasks"])
def test_a_file_is_left_when_nobody_has_touched_it_for_75_seconds(path: str) -> None:
    old = entry(path=path, touched_ms=NOW_MS - FRESH_MS - 1)

    assert step(old, is_open=True) is Step.LEAVE
    assert step(old) is Step.NOTHING


@pytest.mark.parametrize(
    "touched_ms", [None, float("nan"), float("inf"), NOW_MS + 10**9, 10**400, -(10**400)]
)
def test_a_touch_at_no_sensible_time_is_none(touched_ms: float | None) -> None:
    assert step(entry(touched_ms=touched_ms)) is Step.NOTHING
    assert step(entry(touched_ms=touched_ms), is_open=True) is Step.LEAVE


def test_what_an_earlier_process_said_to_have_open_is_taken_back() -> None:
    assert step(entry(touched_ms=0, backend=PROJECT)) is Step.LEAVE
    assert step(entry(touched_ms=0, backend=3)) is Step.NOTHING


@pytest.mark.parametrize("path", [".a.ipynb.sage-jupyter2", "dir/a.sagews"])
def test_a_notebook_or_worksheet_that_is_open_stays_so(path: str) -> None:
    """§1.13: files whose touch is old are closed, except these."""
    untouched = entry(path=path, touched_ms=NOW_MS - 3_600_000)
    assert step(untouched, is_open=True) is Step.NOTHING
    assert step(untouched) is Step.NOTHING
    assert step(untouched, is_open=True, is_ours=False) is Step.LEAVE


def test_a_file_of_a_compute_server_is_left_to_it() -> None:
    assert step(entry(), is_ours=False) is Step.NOTHING
    assert step(entry(), is_ours=False, is_open=True) is Step.LEAVE


def test_a_file_is_opened_only_when_its_type_is_known_and_never_as_terminal() -> None:
    assert step(entry(doctype=None)) is Step.NOTHING
    assert step(entry(path="shell.term")) is Step.NOTHING


@pytest.mark.parametrize("is_open", [True, False])
def test_a_file_that_was_said_to_be_deleted_is_looked_for_first(is_open: bool) -> None:
    assert step(entry(is_deleted=True), is_open=is_open) is Step.FIND


def test_an_entry_is_read_as_clients_write_it() -> None:
    assert read_entry(
        {
            "path": "a.txt",
            "time": NOW_MS,
            "doctype": {"type": "string"},
            "backend": {"id": 0, "time": NOW_MS},
            "deleted": {"deleted": True, "time": NOW_MS},
            "error": {"time": NOW_MS, "error": "broken"},
        }
    ) == OpenEntry("a.txt", NOW_MS, TEXT, is_deleted=True, backend=0, error="broken")


@pytest.mark.parametrize("garbage", [None, "x", 7, [], True, {}, {"id": [], "deleted": "yes"}])
def test_what_cannot_be_understood_counts_as_absent(garbage: Any) -> None:
    fields = dict.fromkeys(["backend", "deleted"], garbage)
    raw = {"path": "a", "time": "now", "doctype": "text", "error": garbage and 5, **fields}

    assert read_entry(raw) == OpenEntry("a")


@pytest.mark.parametrize(
    ("synced", "path"),
    [
        (".a.ipynb.sage-jupyter2", "a.ipynb"),
        ("a/b/.c d.ipynb.sage-jupyter2", "a/b/c d.ipynb"),
        ("..ipynb.sage-jupyter2", ".ipynb"),
    ],
)
def test_the_hidden_name_of_a_notebook_stands_for_the_notebook(synced: str, path: str) -> None:
    assert served_file(synced, NOTEBOOK) == ServedFile(synced, path, is_notebook=True)


@pytest.mark.parametrize("path", ["a.txt", "sub/Übung 1\u202f.md", "..a", "a..b/c.py"])
def test_any_other_file_is_a_text_under_its_own_path(path: str) -> None:
    assert served_file(path, TEXT) == ServedFile(path, path, is_notebook=False)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "..",
        ".",
        "../a.txt",
        "a/../../b.txt",
        "a/../b.txt",
        "a//b.txt",
        "a/",
        "./a.txt",
        "a\\..\\b.txt",
        "a\0b",
        "a\nb",
        "a\ud800b",
        "a" * 4001,
        "../.a.ipynb.sage-jupyter2",
    ],
)
def test_a_path_that_is_not_of_a_file_in_the_project_is_refused(path: str) -> None:
    with pytest.raises(FileNotServed, match="cannot be opened"):
        served_file(path, NOTEBOOK if path.endswith("2") else TEXT)


@pytest.mark.parametrize(
    ("path", "doctype", "problem"),
    [
        ("a.ipynb", TEXT, r"\.a\.ipynb\.sage-jupyter2"),
        (".a.ipynb.sage-jupyter2", TEXT, "not that of a notebook"),
        ("a.ipynb.sage-jupyter2", NOTEBOOK, "hidden name"),
        (".a.txt.sage-jupyter2", NOTEBOOK, "hidden name"),
        (".sage-jupyter2", NOTEBOOK, "hidden name"),
        ("a.txt", DocumentType(is_ephemeral=True), "without a file"),
    ],
)
def test_what_is_neither_notebook_nor_text_is_refused_with_the_reason(
    path: str, doctype: DocumentType, problem: str
) -> None:
    with pytest.raises(FileNotServed, match=problem):
        served_file(path, doctype)


def test_a_document_of_records_is_its_file_and_has_the_keys_of_the_client() -> None:
    schema = RecordSchema(("task_id",), frozenset({"desc"}))

    file = served_file("dir/todo.tasks", DocumentType(schema))

    assert file == ServedFile("dir/todo.tasks", "dir/todo.tasks", is_notebook=False, schema=schema)
