"""Which project a server is, and which account stands for a user."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.protocol.subjects import is_uuid
from cocalc_jupyter_ext.conat.types import ProjectId
from cocalc_jupyter_ext.server.identity import account_id_from_username, find_project_id

account = account_id_from_username
P = ProjectId("cccccccc-cccc-4ccc-8ccc-cccccccccccc")
Q = ProjectId("dddddddd-dddd-4ddd-8ddd-dddddddddddd")


@pytest.mark.parametrize(
    "environment",
    [
        {"COCALC_PROJECT_ID": P},
        {"JUPYTERHUB_USER": P},
        {"COCALC_PROJECT_ID": P, "JUPYTERHUB_USER": Q},
    ],
)
def test_the_environment_names_the_project(environment: dict[str, str], tmp_path: Path) -> None:
    assert find_project_id(environment, tmp_path) == P
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("environment", [{}, {"JUPYTERHUB_USER": "alice"}])
def test_otherwise_an_id_is_made_once_and_kept(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "data" / "cocalc"
    first = find_project_id(environment, folder)

    assert is_uuid(first)
    assert find_project_id(environment, folder) == first
    assert [each.name for each in folder.iterdir()] == ["project-id"]


def test_servers_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: find_project_id({}, tmp_path), range(8)))

    assert len(found) == 1


def test_an_id_that_is_none_is_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="COCALC_PROJECT_ID must hold the UUID"):
        find_project_id({"COCALC_PROJECT_ID": "x"}, tmp_path)
    (tmp_path / "project-id").write_text("broken")
    with pytest.raises(ValueError, match="project-id must hold the UUID"):
        find_project_id({}, tmp_path)

    assert (tmp_path / "project-id").read_text() == "broken"


def test_a_user_has_the_same_account_everywhere() -> None:
    assert account("alice", P) == account("alice", Q)
    assert account("alice", P) != account("bob", P)
    assert is_uuid(account("alice", P))
    assert account(P, Q) == P


def test_everybody_with_the_servers_token_is_the_owner() -> None:
    assert account(uuid.uuid4().hex, P) == account(uuid.uuid4().hex, P)
    assert account(uuid.uuid4().hex, P) != account(uuid.uuid4().hex, Q)
