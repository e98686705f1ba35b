from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cocalc_hub_ext.spawner.homes import (
    NotAProjectError,
    UnusableHomeError,
    home_path,
    make_home,
)

PROJECT = "11111111-2222-4333-8444-555555555555"


def test_a_home_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    root = tmp_path / "data" / "projects"

    home = make_home(root, PROJECT)

    assert home == root / PROJECT
    assert home.stat().st_mode & 0o777 == 0o700
    assert root.stat().st_mode & 0o777 == 0o700


def test_an_existing_home_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / PROJECT).mkdir(mode=0o750)
    (tmp_path / PROJECT / "work.txt").write_text("kept")

    home = make_home(tmp_path, PROJECT)

    assert (home / "work.txt").read_text() == "kept"
    assert home.stat().st_mode & 0o777 == 0o750


def test_a_root_that_is_a_link_is_the_administrators_business(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "projects").symlink_to(tmp_path / "disk")

    assert make_home(tmp_path / "projects", PROJECT) == tmp_path / "disk" / PROJECT


@given(st.text(max_size=60))
@example("")
@example("demo")
@example("..")
@example("../" + PROJECT)
@example(PROJECT + "/..")
@example(PROJECT + "\n")
@example(PROJECT.upper().replace("1", "A"))
@example("/etc")
def test_only_project_ids_have_a_home(name: str) -> None:
    with pytest.raises(NotAProjectError, match="is not a project"):
        home_path(Path("/projects"), name)


def test_a_home_that_became_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / PROJECT).symlink_to(tmp_path / "outside")

    with pytest.raises(UnusableHomeError, match="link to another place"):
        make_home(tmp_path / "projects", PROJECT)


def test_a_file_in_the_homes_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / PROJECT).write_text("")

    with pytest.raises(UnusableHomeError, match="File exists"):
        make_home(tmp_path, PROJECT)
