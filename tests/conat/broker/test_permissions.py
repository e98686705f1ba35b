"""conat-core §12.2 and §12.3; SPEC P1 to P8: the matrix of who may do what."""

from collections.abc import Iterator

import pytest

from cocalc_jupyter_ext.conat.broker.permissions import (
    AllowEverything,
    IfAdmin,
    IfCollaborator,
    Verdict,
    policy,
)
from cocalc_jupyter_ext.conat.types import Operation, ProjectId, User

A = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
OTHER = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
P = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"

ACCOUNT = User("account", A)
PROJECT = User("project", P)
HUB = User("hub", "hub")
SYSTEM = User("hub", "system")

YES, NO = Verdict.ALLOW, Verdict.DENY
MEMBER = IfCollaborator(ProjectId(P))
MEMBER_OF_OTHER = IfCollaborator(ProjectId(OTHER))
ADMIN = IfAdmin()

Decision = Verdict | IfCollaborator | IfAdmin
Pair = tuple[Decision, Decision]

BOTH, PUB, SUB, NONE = (YES, YES), (YES, NO), (NO, YES), (NO, NO)

# The row of §12.2 for accounts / projects; a subject or pattern; then (publish, subscribe) of
# account A and of project P. Rows 1 and 2 are those of nobody and of hubs, for all subjects.
MATRIX: list[tuple[str, str, Pair, Pair]] = [
    ("3/9", f"hub.account.{A}.api", PUB, NONE),
    ("15/3", f"hub.project.{P}.api", NONE, PUB),
    ("15/9", f"hub.account.{OTHER}.api", NONE, NONE),
    ("15/9", f"hub.account.{A}", NONE, NONE),
    ("15/9", f"hub.account.{A}x.api", NONE, NONE),
    ("15/9", "hub.>", NONE, NONE),
    ("4", "_INBOX.x", PUB, PUB),
    ("4", "_INBOX.>", PUB, PUB),
    ("4", "_INBOX.*.x", PUB, PUB),
    ("5/4", f"_INBOX.account-{A}.x.*", BOTH, PUB),
    ("5/4", f"_INBOX.account-{A}", BOTH, PUB),
    ("4", f"_INBOX.account-{A}x.y", PUB, PUB),
    ("4", f"_INBOX.account-{OTHER}.x.*", PUB, PUB),
    ("4/5", f"_INBOX.project-{P}.x.*", PUB, BOTH),
    ("4", f"_INBOX.project-{OTHER}.x.*", PUB, PUB),
    ("4", "_INBOX.hub-hub.x.*", PUB, PUB),
    ("6", "public.version", SUB, SUB),
    ("6", "public.>", SUB, SUB),
    ("6", "public", NONE, NONE),
    ("13/7", f"project.{P}.0.api.-", (MEMBER, MEMBER), BOTH),
    ("13/7", f"project.{P}.>", (MEMBER, MEMBER), BOTH),
    ("13/9", f"project.{OTHER}.0.api.-", (MEMBER_OF_OTHER, MEMBER_OF_OTHER), NONE),
    ("14/8", f"persist.project-{P}", (MEMBER, MEMBER), BOTH),
    ("14/8", f"services.project-{P}._.api.x", (MEMBER, MEMBER), BOTH),
    ("14/8", f"*.project-{P}.>", NONE, BOTH),
    ("14/8", f">.project-{P}", NONE, BOTH),
    ("14/9", f"services.project-{OTHER}.x", (MEMBER_OF_OTHER, MEMBER_OF_OTHER), NONE),
    ("10/9", f"account.{A}.stream.>", BOTH, NONE),
    ("15/9", f"account.{OTHER}.stream.>", NONE, NONE),
    ("15/9", "account.*.stream.>", NONE, NONE),
    ("11/9", f"persist.account-{A}", BOTH, NONE),
    ("11/9", f"changefeeds.account-{A}", BOTH, NONE),
    ("11/9", f"*.account-{A}.>", BOTH, NONE),
    ("15/9", f"persist.account-{OTHER}", NONE, NONE),
    ("15/9", f"x.y.account-{A}", NONE, NONE),
    ("12/9", "sys.conat.default", (ADMIN, ADMIN), NONE),
    ("12/9", "sys", (ADMIN, ADMIN), NONE),
    ("15/9", "system.conat", NONE, NONE),
    ("15/9", "project.not-a-uuid.0.api.-", NONE, NONE),
    ("15/9", "project.*.0.api.-", NONE, NONE),
    ("15/9", "project", NONE, NONE),
    ("15/9", "services.project-x", NONE, NONE),
    ("15/9", "services.project-*.x", NONE, NONE),
    ("15/9", "persist.hub", NONE, NONE),
    ("15/9", ">", NONE, NONE),
    ("15/9", "*", NONE, NONE),
    ("15/9", "*.>", NONE, NONE),
    ("15/9", "*.*", NONE, NONE),
    ("15/9", "random.subject", NONE, NONE),
]


def decisions() -> Iterator[tuple[str, User | None, str, Operation, Decision]]:
    """Yield every row for every kind of user and both operations."""
    for row, subject, account, project in MATRIX:
        expectations: list[tuple[User | None, Pair]] = [
            (None, NONE),
            (HUB, BOTH),
            (SYSTEM, BOTH),
            (ACCOUNT, account),
            (PROJECT, project),
        ]
        for user, expected in expectations:
            yield row, user, subject, "pub", expected[0]
            yield row, user, subject, "sub", expected[1]


@pytest.mark.parametrize(("row", "user", "subject", "operation", "decision"), list(decisions()))
def test_the_matrix(
    row: str, user: User | None, subject: str, operation: Operation, decision: Decision
) -> None:
    """conat-core §21, Permission policy: nobody: nothing; hubs: everything; projects and accounts
    publish to their hub subjects and do not subscribe there; inboxes: all publish, the owner
    subscribes; public.>: subscribe only.
    """
    assert policy(user, subject, operation) == decision, f"row {row}"


def may(user: User, subject: str, operation: Operation, *, of: str | None) -> bool:
    """Decide as an authorizer does that knows one membership, and no administrators."""
    match policy(user, subject, operation):
        case IfCollaborator(project_id):
            return project_id == of
        case IfAdmin():
            return False
        case verdict:
            return verdict is YES


# §12.3: what somebody may do, as "pub", "sub", "both" or "-". The inbox of a project is where
# we differ: its collaborators only write to it.
PRACTICE = [
    # subject, account A, project P, collaborator of P, hub
    (f"hub.account.{A}.api", "pub", "-", "pub", "both"),
    (f"hub.project.{P}.api", "-", "pub", "-", "both"),
    ("_INBOX.anything", "pub", "pub", "pub", "both"),
    (f"_INBOX.account-{A}.x.*", "both", "pub", "both", "both"),
    (f"_INBOX.project-{P}.x.*", "pub", "both", "pub", "both"),
    (f"project.{P}.0.api.-", "-", "both", "both", "both"),
    (f"services.project-{P}._.api.-", "-", "both", "both", "both"),
    (f"persist.project-{P}", "-", "both", "both", "both"),
    (f"persist.project-{P}.server.x", "-", "both", "both", "both"),
    (f"persist.account-{A}", "both", "-", "both", "both"),
    (f"changefeeds.account-{A}", "both", "-", "both", "both"),
    (f"time.account-{A}.api", "both", "-", "both", "both"),
    (f"llm.account-{A}.api", "both", "-", "both", "both"),
    ("public.x", "sub", "sub", "sub", "both"),
    ("sys.conat.default", "-", "-", "-", "both"),
]


@pytest.mark.parametrize(("subject", "account", "project", "collaborator", "hub"), PRACTICE)
def test_what_this_allows_in_practice(
    subject: str, account: str, project: str, collaborator: str, hub: str
) -> None:
    """conat-core §21, Permission policy: own subjects and second tokens allow both; a collaborator
    uses the project's subjects; a decision outlives revocation; another project is refused.
    """
    words = {(True, True): "both", (True, False): "pub", (False, True): "sub"}
    found = [
        words.get((may(user, subject, "pub", of=of), may(user, subject, "sub", of=of)), "-")
        for user, of in ((ACCOUNT, None), (PROJECT, None), (ACCOUNT, P), (HUB, None))
    ]

    assert found == [account, project, collaborator, hub]


@pytest.mark.parametrize("prefix", [f"project-{P}", f"account-{OTHER}", "hub-hub", "*", ">"])
@pytest.mark.parametrize("form", ["_INBOX.{}", "_INBOX.{}.x.*", "*.{}.x.*", "*.{}.>"])
def test_b_nobody_reads_a_foreign_inbox_not_even_a_collaborator(prefix: str, form: str) -> None:
    """Design §5 (b). Patterns with a wildcard in front would reach inboxes too.

    conat-core §21, Permission policy: inboxes: all publish, the owner subscribes.
    conat-core §20: collaborators do not read a project's inbox.
    """
    assert not may(ACCOUNT, form.format(prefix), "sub", of=P)


def test_a_server_without_configuration_allows_everything() -> None:
    assert AllowEverything().allows(None, ">", "sub")
