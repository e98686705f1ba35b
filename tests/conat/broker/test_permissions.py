"""conat-core §12.2 and §12.3; SPEC P1 to P8: the matrix of who may do what."""

import pytest

from cocalc_jupyter_ext.conat.broker.permissions import (
    AllowEverything,
    IfAdmin,
    IfCollaborator,
    Verdict,
    policy,
)
from cocalc_jupyter_ext.conat.types import ProjectId, User

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
OTHER = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
P = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"

ACCOUNT = User("account", A)
PROJECT = User("project", P)
HUB = User("hub", "hub")
SYSTEM = User("hub", "system")

YES, NO = Verdict.ALLOW, Verdict.DENY
MEMBER = IfCollaborator(ProjectId(P))
ADMIN = IfAdmin()

# subject or pattern, then (publish, subscribe) for the account, and for the project
MATRIX = [
    (f"hub.account.{A}.api", (YES, NO), (NO, NO)),
    (f"hub.account.{OTHER}.api", (NO, NO), (NO, NO)),
    (f"hub.project.{P}.api", (NO, NO), (YES, NO)),
    ("_INBOX.x", (YES, NO), (YES, NO)),
    ("_INBOX.>", (YES, NO), (YES, NO)),
    ("_INBOX.*.x", (YES, NO), (YES, NO)),
    (f"_INBOX.account-{A}.x.*", (YES, YES), (YES, NO)),
    (f"_INBOX.account-{A}", (YES, YES), (YES, NO)),
    (f"_INBOX.account-{A}x.y", (YES, NO), (YES, NO)),
    (f"_INBOX.account-{OTHER}.x.*", (YES, NO), (YES, NO)),
    (f"_INBOX.project-{P}.x.*", (YES, NO), (YES, YES)),
    ("public.version", (NO, YES), (NO, YES)),
    ("public.>", (NO, YES), (NO, YES)),
    (f"account.{A}.stream.>", (YES, YES), (NO, NO)),
    (f"account.{OTHER}.stream.>", (NO, NO), (NO, NO)),
    (f"persist.account-{A}", (YES, YES), (NO, NO)),
    (f"*.account-{A}.>", (YES, YES), (NO, NO)),
    (f"persist.account-{OTHER}", (NO, NO), (NO, NO)),
    (f"project.{P}.0.api.-", (MEMBER, MEMBER), (YES, YES)),
    (f"project.{P}.>", (MEMBER, MEMBER), (YES, YES)),
    (f"services.project-{P}._.api.x", (MEMBER, MEMBER), (YES, YES)),
    (f"*.project-{P}.>", (NO, NO), (YES, YES)),
    ("project.not-a-uuid.0.api.-", (NO, NO), (NO, NO)),
    ("project.*.0.api.-", (NO, NO), (NO, NO)),
    ("services.project-x", (NO, NO), (NO, NO)),
    ("project", (NO, NO), (NO, NO)),
    ("sys.conat.default", (ADMIN, ADMIN), (NO, NO)),
    (">", (NO, NO), (NO, NO)),
    ("*", (NO, NO), (NO, NO)),
    ("*.>", (NO, NO), (NO, NO)),
    (f">.project-{P}", (NO, NO), (YES, YES)),
    ("random.subject", (NO, NO), (NO, NO)),
]


@pytest.mark.parametrize(("subject", "account", "project"), MATRIX)
def test_the_matrix(subject: str, account: tuple[object, ...], project: tuple[object, ...]) -> None:
    assert (policy(ACCOUNT, subject, "pub"), policy(ACCOUNT, subject, "sub")) == account
    assert (policy(PROJECT, subject, "pub"), policy(PROJECT, subject, "sub")) == project


@pytest.mark.parametrize("subject", [subject for subject, *_ in MATRIX])
def test_hubs_may_do_everything_and_nobody_nothing(subject: str) -> None:
    for operation in ("pub", "sub"):
        assert policy(HUB, subject, operation) is YES  # type: ignore[arg-type]  # a literal
        assert policy(SYSTEM, subject, operation) is YES  # type: ignore[arg-type]  # a literal
        assert policy(None, subject, operation) is NO  # type: ignore[arg-type]  # a literal


def test_another_projects_subjects_depend_on_that_project() -> None:
    assert policy(ACCOUNT, f"project.{OTHER}.x", "pub") == IfCollaborator(ProjectId(OTHER))
    assert policy(PROJECT, f"project.{OTHER}.x", "pub") is NO


def test_a_server_without_configuration_allows_everything() -> None:
    assert AllowEverything().allows(None, ">", "sub")
