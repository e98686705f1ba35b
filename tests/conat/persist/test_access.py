"""Owners and their scopes (conat-sync §1.2), and what a gap in the updates means."""

import pytest

from cocalc_jupyter_ext.conat.persist.access import Owner, Reset
from cocalc_jupyter_ext.conat.persist.messages import Inventory

PROJECT = "00000000-0000-4000-8000-000000000000"
ACCOUNT = "00000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("owner", "scope", "path"),
    [
        (Owner(project_id=PROJECT), f"project-{PROJECT}", f"projects/{PROJECT}/a.txt"),
        (Owner(account_id=ACCOUNT), f"account-{ACCOUNT}", f"accounts/{ACCOUNT}/a.txt"),
        (Owner(), "hub", "hub/a.txt"),
    ],
)
def test_the_scope_and_the_path_name_the_owner(owner: Owner, scope: str, path: str) -> None:
    """conat-sync §7.1: a stream of a project has its path and its owner."""
    assert (owner.scope, owner.path_of("a.txt")) == (scope, path)


def test_an_account_wins_over_a_project() -> None:
    assert Owner(project_id=PROJECT, account_id=ACCOUNT).scope == f"account-{ACCOUNT}"


def test_a_name_is_joined_like_a_posix_path() -> None:
    assert Owner().path_of("a//b/../c/") == "hub/a/c/"


@pytest.mark.parametrize(("count", "last_seq"), [(2, 7), (3, 6)])
def test_a_gap_concerns_a_replica_that_holds_something_else(count: int, last_seq: int) -> None:
    reset = Reset(Inventory(bytes=10, count=3, seq=7))

    assert reset.concerns(count, last_seq)


def test_a_gap_does_not_concern_a_replica_that_holds_the_same_messages() -> None:
    assert not Reset(Inventory(bytes=10, count=3, seq=7)).concerns(3, 7)


def test_a_stream_that_may_have_begun_anew_concerns_everybody() -> None:
    assert Reset().concerns(0, 0)
