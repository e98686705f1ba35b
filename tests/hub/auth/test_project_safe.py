"""Nobody is a project, and projects are nobody."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from jupyterhub.auth import Authenticator

from cocalc_hub_ext.auth.project_safe import ProjectSafe, TrustedClients, protect


class Recording(Authenticator):
    """Notes what reaches the real authenticator."""

    def __init__(self) -> None:
        super().__init__()
        self.added: list[str] = []

    def add_user(self, user: SimpleNamespace) -> None:
        self.added.append(user.name)


def test_a_project_s_name_is_refused_and_others_are_left_to_the_authenticator() -> None:
    safe = protect(Recording)()
    safe.blocked_users = {"mallory"}

    assert safe.check_blocked_users(str(uuid4())) is False
    assert safe.check_blocked_users(str(uuid4()).upper()) is False
    assert safe.check_blocked_users("mallory") is False
    assert safe.check_blocked_users("ada") is True


def test_the_authenticator_hears_of_people() -> None:
    safe = protect(Recording)()

    safe.add_user(SimpleNamespace(name="ada"))

    assert safe.added == ["ada"]


def test_protecting_twice_changes_nothing() -> None:
    once = protect(Recording)

    assert protect(once) is once
    assert issubclass(once, ProjectSafe)


@pytest.mark.parametrize(
    ("client", "trusted"),
    [
        ("service-cocalc", True),
        (f"jupyterhub-user-{uuid4()}", True),
        (str(uuid4()), True),
        ("jupyterhub-user-ada", False),
        (f"jupyterhub-user-{uuid4()}-named", False),
        ("service-other", False),
        (None, False),
    ],
)
def test_servers_of_projects_need_no_confirmation(client: object, trusted: bool) -> None:
    assert (client in TrustedClients({"service-cocalc"})) is trusted
