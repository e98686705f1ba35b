"""conat-core §12.2, for a server with one project."""

import pytest

from cocalc_jupyter_ext.conat.types import Operation, ProjectId, User
from cocalc_jupyter_ext.server.authorizer import ProjectAuthorizer

P = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
OTHER = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
ACCOUNT, PROJECT = User("account", "a"), User("project", P)


@pytest.mark.parametrize(
    ("user", "subject", "operation", "expected"),
    [
        (ACCOUNT, f"project.{P}.0.api.-", "pub", True),
        (ACCOUNT, f"services.project-{P}.x", "sub", True),
        (ACCOUNT, f"project.{OTHER}.0.api.-", "pub", False),
        (ACCOUNT, f"services.project-{OTHER}.x", "sub", False),
        (ACCOUNT, f"_INBOX.project-{P}.x.*", "sub", False),
        (ACCOUNT, "_INBOX.account-a.x.*", "sub", True),
        (ACCOUNT, "sys.conat.default", "pub", False),
        (ACCOUNT, ">", "sub", False),
        (PROJECT, f"project.{P}.0.api.-", "sub", True),
        (PROJECT, f"project.{OTHER}.0.api.-", "sub", False),
        (None, f"project.{P}.0.api.-", "pub", False),
        (None, "public.x", "sub", False),
    ],
)
def test_users_of_this_server_are_collaborators_of_its_project_only(
    user: User | None, subject: str, operation: Operation, expected: bool
) -> None:
    assert ProjectAuthorizer(ProjectId(P)).allows(user, subject, operation) is expected
