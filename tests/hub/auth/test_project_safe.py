"""Nobody is a project, and projects are nobody."""

from types import SimpleNamespace

import pytest
from jupyterhub.auth import Authenticator

from cocalc_hub_ext.auth.project_safe import ProjectSafe, TrustedClients, protect

PROJECT = "6d9b5e8c-31d4-4f0a-9c1e-2f7f8a1b0c3d"


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

    assert safe.check_blocked_users(PROJECT) is False
    assert safe.check_blocked_users(PROJECT.upper()) is False
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
        (f"jupyterhub-user-{PROJECT}", True),
        (PROJECT, True),
        ("jupyterhub-user-ada", False),
        (f"jupyterhub-user-{PROJECT}-named", False),
        ("service-other", False),
        (None, False),
    ],
)
def test_servers_of_projects_need_no_confirmation(client: object, trusted: bool) -> None:
    assert (client in TrustedClients({"service-cocalc"})) is trusted
