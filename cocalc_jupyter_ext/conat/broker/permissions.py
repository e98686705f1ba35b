"""Who may publish and subscribe to what: the policy, and the interface of its judges.

``policy`` is the whole of CoCalc's rules as one pure function (conat-core §12.2). Where
the answer depends on facts that only a database or a server's mode knows, it says which
fact is missing; an ``Authorizer`` supplies it. Two holes of the original rules are
closed: nobody subscribes to a foreign inbox, and a wildcard in the first token reaches
no scope but one's own.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from ..protocol.subjects import inbox_prefix, is_uuid, scope_name, tokens
from ..types import Operation, ProjectId, User

__all__ = [
    "AllowEverything",
    "Authorizer",
    "IfAdmin",
    "IfCollaborator",
    "Verdict",
    "policy",
]

_INBOX: Final = "_INBOX."
_WILDCARDS: Final = frozenset({"*", ">"})


class Authorizer(Protocol):
    """Decides for a broker. An awaitable answer holds back only the connection that asks."""

    def allows(
        self, user: User | None, subject: str, operation: Operation
    ) -> bool | Awaitable[bool]:
        """Return whether the user may publish or subscribe to the subject or pattern."""
        ...  # pragma: no cover - a protocol has no body


class AllowEverything:
    """The authorizer of a server without configuration (conat-core §12.1)."""

    def allows(self, user: User | None, subject: str, operation: Operation) -> bool:
        """Allow it."""
        return True


class Verdict(Enum):
    """A decision that needs no further facts."""

    DENY = False
    ALLOW = True


@dataclass(frozen=True, slots=True)
class IfCollaborator:
    """Allowed exactly when the account is owner or collaborator of the project."""

    project_id: ProjectId


@dataclass(frozen=True, slots=True)
class IfAdmin:
    """Allowed exactly when the account is a site administrator."""


def policy(
    user: User | None, subject: str, operation: Operation
) -> Verdict | IfCollaborator | IfAdmin:
    """Decide about a subject or pattern, as text (conat-core §12.2, in its order)."""
    if user is None:
        return Verdict.DENY
    if user.kind == "hub":
        return Verdict.ALLOW
    parts = tokens(subject)
    for rule in (_own_hub_api, _inbox, _public, _own_scope):
        verdict = rule(user, subject, parts, operation)
        if verdict is not None:
            return verdict
    return _shared(parts) if user.kind == "account" else Verdict.DENY


def _own_hub_api(
    user: User, subject: str, parts: list[str], operation: Operation
) -> Verdict | None:
    if subject.startswith(f"hub.{user.kind}.{user.id}."):
        return Verdict(operation == "pub")
    return None


def _inbox(user: User, subject: str, parts: list[str], operation: Operation) -> Verdict | None:
    """Everybody may write to an inbox; only its owner may read it.

    The owner's prefix must be a whole token, or ``account-1`` would read ``account-10``.
    """
    if parts[0] != "_INBOX":
        return None
    if operation == "pub":
        return Verdict.ALLOW
    return Verdict(subject.startswith(f"{inbox_prefix(user)}.") or subject == inbox_prefix(user))


def _public(user: User, subject: str, parts: list[str], operation: Operation) -> Verdict | None:
    if subject.startswith("public.") and operation == "sub":
        return Verdict.ALLOW
    return None


def _own_scope(user: User, subject: str, parts: list[str], operation: Operation) -> Verdict | None:
    own = scope_name(user)
    if subject.startswith(f"{user.kind}.{user.id}.") or (len(parts) > 1 and parts[1] == own):
        return Verdict.ALLOW
    return None


def _shared(parts: list[str]) -> Verdict | IfCollaborator | IfAdmin:
    """Judge what an account shares with others: the system, and its projects."""
    first, second = parts[0], parts[1] if len(parts) > 1 else ""
    if first == "sys":
        return IfAdmin()
    if first == "project":
        project_id = second
    elif first not in _WILDCARDS and second.startswith("project-"):
        project_id = second.removeprefix("project-")
    else:
        return Verdict.DENY
    return IfCollaborator(ProjectId(project_id)) if is_uuid(project_id) else Verdict.DENY
