"""Who may use a project, and how that looks as shares of JupyterHub: pure.

Our ``users`` map is the truth; shares are derived from it and repaired when they differ (design
D16). A share lists leaf scopes only: JupyterHub does not expand the others for tokens, and a
browser session in a project is a token.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..db.projects import Users
from ..errors import CannotRemoveOwnerError
from ..ids import AccountId, ProjectId

__all__ = [
    "COLLABORATOR",
    "OWNER",
    "ShareChanges",
    "add_member",
    "diff_shares",
    "is_member",
    "remove_member",
    "share_scopes",
]

OWNER = "owner"
COLLABORATOR = "collaborator"
_LEAVES = ("access:servers", "delete:servers", "read:servers", "start:servers")


@dataclass(frozen=True)
class ShareChanges:
    """Hub user names: whose shares to take away first, then whom to give one, both sorted."""

    revoke: tuple[str, ...]
    grant: tuple[str, ...]


def is_member(users: Users, account_id: AccountId) -> bool:
    """Return whether an account may see and use the project."""
    return users.get(account_id, {}).get("group") in {OWNER, COLLABORATOR}


def add_member(users: Users, account_id: AccountId) -> Users:
    """Return the map with the account as collaborator; members stay what they are."""
    if is_member(users, account_id):
        return users
    return users | {account_id: {"group": COLLABORATOR}}


def remove_member(users: Users, account_id: AccountId, name: str) -> Users:
    """Return the map without the account; who is not in it may be "removed" too.

    Raises CannotRemoveOwnerError (hub-project-api §1.5); ``name`` is for its message.
    """
    if users.get(account_id, {}).get("group") == OWNER:
        raise CannotRemoveOwnerError(name)
    return {key: value for key, value in users.items() if key != account_id}


def share_scopes(project_id: ProjectId) -> frozenset[str]:
    """Return what a member may do with a project's default server (note the slash)."""
    return frozenset(f"{leaf}!server={project_id}/" for leaf in _LEAVES)


def diff_shares(
    names: Iterable[str], shares: Mapping[str, frozenset[str]], wanted: frozenset[str]
) -> ShareChanges:
    """Return how to get from ``shares`` (name -> scopes) to exactly ``wanted`` for ``names``.

    A share with foreign scopes is taken away and given again.
    """
    members = set(names)
    return ShareChanges(
        revoke=tuple(
            sorted(name for name in shares if name not in members or shares[name] - wanted)
        ),
        grant=tuple(sorted(name for name in members if shares.get(name) != wanted)),
    )
