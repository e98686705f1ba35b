"""Normal form, who may open what, and files that stay below their folder (§1.7, §7.1, §8.1)."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.errors import PathDenied
from cocalc_jupyter_ext.conat.persist.paths import check_path, file_of, join, normalize

ID = "00000000-0000-4000-8000-000000000000"
OTHER = "00000000-0000-4000-8000-000000000001"
PROJECT = f"persist.project-{ID}.server.0.sid"
ACCOUNT = f"persist.account-{ID}.server.0.sid"
HUB = "persist.hub.server.0.sid"


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("a//b", "a/b"),
        ("a/./b", "a/b"),
        ("./a", "a"),
        ("a/../b", "b"),
        ("a/..", "."),
        ("a/../", "./"),
        ("", "."),
        ("a/b/", "a/b/"),
        ("/a", "/a"),
        ("/../a", "/a"),
        ("//", "/"),
        ("../x", "../x"),
        ("..", ".."),
        ("../../x", "../../x"),
        ("a/../../x", "../x"),
        ("a\\b", "a\\b"),
        ("...", "..."),
    ],
)
def test_the_normal_form_is_that_of_posix_in_javascript(path: str, normal: str) -> None:
    assert normalize(path) == normal


def test_joining_leaves_out_empty_parts() -> None:
    assert join("hub", "", "a", "../b/") == "hub/b/"


@pytest.mark.parametrize(
    ("subject", "path"),
    [
        (HUB, "hub/a b, c; [d]!"),
        (HUB, f"projects/{ID}/a"),
        (PROJECT, f"projects/{ID}/patches:49a48bd3ca1b42f649d2fff7241f6fc56c638476"),
        (PROJECT, f"projects/{ID}/terminal-dir/file.term"),
        (ACCOUNT, f"accounts/{ID}/bookmarks"),
    ],
)
def test_an_owner_may_use_the_paths_below_their_folder(subject: str, path: str) -> None:
    """conat-sync §7.1: hub paths with spaces and punctuation; paths below the own folder."""
    check_path(subject, path)


@pytest.mark.parametrize(
    ("subject", "path", "code"),
    [
        ("persist.nobody.server.0.sid", f"projects/{ID}/a", 403),
        (f"persist.projects-{ID}", f"projects/{ID}/a", 403),
        (f"persist.accounts-{ID}", f"accounts/{ID}/a", 403),
        (f"persist.project-{ID[:-1]}", f"projects/{ID[:-1]}/a", 403),
        ("persist.project", "projects/", 403),
        (f"persist.project-{ID}x", f"projects/{ID}x/a", 403),
        (f"other.project-{ID}", f"projects/{ID}/a", None),
        ("", f"projects/{ID}/a", None),
        (PROJECT, f"accounts/{ID}/a", 403),
        (ACCOUNT, f"projects/{ID}/a", 403),
        (PROJECT, f"projects/{OTHER}/a", 403),
        (PROJECT, "hub/a", 403),
        (PROJECT, f"projects/{ID}", 403),
        (PROJECT, f"projects/{ID}/", 403),
        (PROJECT, f"projects/{ID}/a/", 403),
        (PROJECT, f"/projects/{ID}/a", 403),
        (PROJECT, f"projects/{ID}/" + "a" * 100_000, 403),
        (PROJECT, f"projects/{ID}/../{OTHER}/a", None),
        (PROJECT, f"projects/{ID}//a", None),
        (HUB, "../x", 403),
        (HUB, "..", 403),
        (HUB, "a\0b", 403),
        (HUB, "a\ud800b", 403),
    ],
)
def test_everything_else_is_refused(subject: str, path: str, code: int | None) -> None:
    """conat-sync §7.1: unknown scope, wrong service, plural scope words; another kind, another id;
    the folder alone, a trailing slash; 100,000 extra characters; an id with an extra character.
    """
    with pytest.raises(PathDenied) as refusal:
        check_path(subject, path)

    assert refusal.value.code == code


def test_a_refusal_says_permission_denied_in_the_words_of_the_recorded_one() -> None:
    with pytest.raises(PathDenied) as refusal:
        check_path(ACCOUNT, f"accounts/{OTHER}/x")

    assert str(refusal.value) == (
        f"permission denied: subject '{ACCOUNT}' does not grant write permission to "
        f"path='accounts/{OTHER}/x' since it is not under 'accounts/{ID}/'"
    )


def test_another_service_has_subjects_of_its_own() -> None:
    check_path("persist:a:b.hub", "hub/cluster/a/b/interest", service="persist:a:b")


def test_a_path_is_a_database_file_below_the_root(tmp_path: Path) -> None:
    assert file_of(tmp_path, "hub/a.txt") == tmp_path / "hub" / "a.txt.db"


def test_symbolic_links_do_not_lead_out_of_the_root(tmp_path: Path) -> None:
    root = tmp_path / "sync"
    root.mkdir()
    (root / "hub").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PathDenied, match="leads out of the data folder"):
        file_of(root, "hub/a")


def test_the_root_itself_may_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    root = tmp_path / "sync"
    root.symlink_to(tmp_path / "real")

    assert file_of(root, "hub/a") == root / "hub" / "a.db"
