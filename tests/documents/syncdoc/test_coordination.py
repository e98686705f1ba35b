"""The record by which participants agree (syncdoc-jupyter §1.1, §1.4, §3.1, §13)."""

import json
from datetime import UTC, datetime

import pytest

from cocalc_jupyter_ext.documents.syncdoc.coordination import (
    DocumentType,
    merged,
    new_record,
    participation,
    settled_users,
    string_id,
    synced_path_of_notebook,
)
from cocalc_jupyter_ext.documents.syncdoc.records import RecordSchema

PROJECT = "11111111-2222-4333-8444-555555555555"
NOTEBOOK = DocumentType(RecordSchema(("type", "id"), frozenset({"input"})))


def test_the_id_of_a_document_comes_from_its_project_and_path() -> None:
    path = "a/.b.ipynb.sage-jupyter2"

    assert string_id(PROJECT, path) == "3b49c2d73277627d47ae0ec18605c9a168701e58"


@pytest.mark.parametrize(
    ("path", "synced"),
    [
        ("notebook.ipynb", ".notebook.ipynb.sage-jupyter2"),
        ("a/b/notebook.ipynb", "a/b/.notebook.ipynb.sage-jupyter2"),
        ("/home/x/n.ipynb", "/home/x/.n.ipynb.sage-jupyter2"),
    ],
)
def test_a_notebook_is_synced_under_a_hidden_path(path: str, synced: str) -> None:
    assert synced_path_of_notebook(path) == synced


def test_what_is_no_notebook_has_no_such_path() -> None:
    with pytest.raises(ValueError, match=r"must end with \.ipynb"):
        synced_path_of_notebook("notes.md")


def test_the_type_of_a_document_is_written_as_text_and_read_again() -> None:
    assert json.loads(NOTEBOOK.to_text()) == {
        "type": "db",
        "patch_format": 1,
        "opts": {"primary_keys": ["type", "id"], "string_cols": ["input"], "cursors": True},
    }
    for kind in (NOTEBOOK, DocumentType(), DocumentType(is_ephemeral=True, has_cursors=False)):
        assert DocumentType.from_wire(kind.to_text()) == kind
        assert DocumentType.from_wire(kind.to_wire()) == kind


@pytest.mark.parametrize("value", [None, 7, "{", {"type": "db"}, {"type": "db", "opts": 3}, []])
def test_what_says_nothing_else_is_text(value: object) -> None:
    assert DocumentType.from_wire(value) == DocumentType(has_cursors=False)


def test_a_document_that_nobody_has_opened_gets_a_record() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    assert new_record(PROJECT, "a.md", NOTEBOOK, now) == {
        "string_id": string_id(PROJECT, "a.md"),
        "project_id": PROJECT,
        "path": "a.md",
        "doctype": NOTEBOOK.to_text(),
        "last_active": now,
    }


def test_a_participant_is_appended_and_one_who_is_there_writes_nothing() -> None:
    assert participation({}, "me") == ({"users": ["me"]}, 0)
    assert participation({"users": ["a", "b"]}, "me") == ({"users": ["a", "b", "me"]}, 2)
    assert participation({"users": ["a", "me"]}, "me") == ({}, 1)


def test_an_update_keeps_what_it_does_not_name_at_every_level() -> None:
    record = {"save": {"state": "requested", "hash": 5}, "users": ["a", "b"], "settings": {"x": 1}}

    assert merged(record, {"save": {"state": "done"}, "users": ["a"], "init": {"size": 0}}) == {
        "save": {"state": "done", "hash": 5},
        "users": ["a", "b"],
        "settings": {"x": 1},
        "init": {"size": 0},
    }
    assert record["save"] == {"state": "requested", "hash": 5}


@pytest.mark.parametrize(
    ("known", "users", "settled"),
    [
        ([], ["project"], ["project"]),
        (["project"], ["project", "ann"], ["project", "ann"]),
        (["project", "ann"], ["project", "bob"], ["project", "ann", "bob"]),
        (["project", "ann"], ["project", "bob", "ann"], ["project", "ann", "bob"]),
        (["project", "ann"], [], ["project", "ann"]),
    ],
)
def test_a_number_stays_with_who_had_it_first(
    known: list[str], users: list[str], settled: list[str]
) -> None:
    """§1.4: the list is append only, whatever those write who join at the same instant."""
    assert settled_users(known, users) == settled
