"""People read names, not ids of accounts (SPEC H12)."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.types import ProjectId
from cocalc_jupyter_ext.server.author_names import MAX_NAMES, UNKNOWN, AuthorNames
from cocalc_jupyter_ext.server.identity import account_id_from_username

PROJECT = ProjectId("11111111-2222-4333-8444-555555555555")
ANN = account_id_from_username("ann", PROJECT)


def test_names_outlive_the_server(tmp_path: Path) -> None:
    file = tmp_path / "data" / "author-names.json"
    AuthorNames(file, PROJECT).note("ann", "Ann Example 🐍")

    assert AuthorNames(file, PROJECT).of([ANN, None, "unknown"]) == {ANN: "Ann Example 🐍"}


def test_the_newest_name_counts(tmp_path: Path) -> None:
    names = AuthorNames(tmp_path / "names.json", PROJECT)
    names.note("ann", "Ann")
    names.note("ann", "Ann B.")
    names.note("ann", " ")

    assert names.of([ANN]) == {ANN: "Ann B."}


def test_the_project_has_a_name(tmp_path: Path) -> None:
    assert AuthorNames(tmp_path / "names.json", PROJECT).of([PROJECT]) == {PROJECT: "Project"}


@pytest.mark.parametrize("content", ["no json", "[1]", '{"a": 1}'])
def test_a_damaged_file_is_written_anew(tmp_path: Path, content: str) -> None:
    file = tmp_path / "names.json"
    file.write_text(content)

    names = AuthorNames(file, PROJECT)
    assert names.of(["a"]) == {}
    names.note("ann", "Ann")

    assert AuthorNames(file, PROJECT).of([ANN]) == {ANN: "Ann"}


def test_names_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_NAMES >= 1000
    monkeypatch.setattr("cocalc_jupyter_ext.server.author_names.MAX_NAMES", 2)
    names = AuthorNames(tmp_path / "names.json", PROJECT)
    for user in ("ann", "bob", "cleo"):
        names.note(user, user)

    assert names.of([ANN]) == {}


def test_a_folder_that_cannot_be_written_costs_only_the_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    names = AuthorNames(tmp_path / "file" / "names.json", PROJECT)

    names.note("ann", "Ann")

    assert names.of([ANN]) == {ANN: "Ann"}
    assert "forgotten" in caplog.text


def test_whoever_has_never_been_here_is_called_something(tmp_path: Path) -> None:
    names = AuthorNames(tmp_path / "names.json", PROJECT)
    names.note("ann", "Ann")

    assert (names.name_of(ANN), names.name_of("unknown")) == ("Ann", UNKNOWN)
