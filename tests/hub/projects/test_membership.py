"""Who is a member, and the shares that follow from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_hub_ext.db.projects import Users
from cocalc_hub_ext.errors import CannotRemoveOwnerError
from cocalc_hub_ext.ids import AccountId, ProjectId
from cocalc_hub_ext.projects.membership import (
    add_member,
    diff_shares,
    is_member,
    remove_member,
    share_scopes,
)

ADA, BOB, EVE = AccountId("a"), AccountId("b"), AccountId("e")
PROJECT = ProjectId("b0000000-0000-4000-8000-000000000001")
WANTED = share_scopes(PROJECT)
USERS: Users = {ADA: {"group": "owner"}, BOB: {"group": "collaborator"}}


def test_owners_and_collaborators_are_members_and_nobody_else() -> None:
    assert is_member(USERS, ADA)
    assert is_member(USERS, BOB)
    assert not is_member(USERS, EVE)
    assert not is_member({EVE: {"group": "visitor"}}, EVE)
    assert not is_member({EVE: {}}, EVE)


def test_adding_makes_a_collaborator_and_never_demotes() -> None:
    assert add_member(USERS, EVE)[EVE] == {"group": "collaborator"}
    assert add_member(USERS, ADA) == USERS
    assert EVE not in USERS


def test_removing_takes_a_collaborator_and_never_the_owner() -> None:
    assert remove_member(USERS, BOB, "bob") == {ADA: {"group": "owner"}}
    assert remove_member(USERS, EVE, "eve") == USERS
    with pytest.raises(CannotRemoveOwnerError, match='"ada" owns'):
        remove_member(USERS, ADA, "ada")


def test_a_share_lists_leaves_for_the_default_server_alone() -> None:
    assert sorted(WANTED) == [
        f"{leaf}!server={PROJECT}/"
        for leaf in ("access:servers", "delete:servers", "read:servers", "start:servers")
    ]


NAMES = st.sampled_from(["ada", "bob", "eve", "zoe"])
SCOPES = st.sampled_from([WANTED, frozenset(sorted(WANTED)[:2]), WANTED | {"admin:servers"}])


@given(st.sets(NAMES), st.dictionaries(NAMES, SCOPES))
def test_after_the_changes_exactly_the_members_have_exactly_the_share(
    members: set[str], shares: dict[str, frozenset[str]]
) -> None:
    changes = diff_shares(members, shares, WANTED)

    after = dict(shares)
    for name in changes.revoke:
        del after[name]
    for name in changes.grant:
        after[name] = after.get(name, frozenset()) | WANTED
    assert after == dict.fromkeys(members, WANTED)


@given(st.sets(NAMES))
def test_when_nothing_differs_nothing_is_done(members: set[str]) -> None:
    changes = diff_shares(members, dict.fromkeys(members, WANTED), WANTED)

    assert (changes.revoke, changes.grant) == ((), ())
