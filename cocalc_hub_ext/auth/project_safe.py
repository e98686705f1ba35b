"""Keeps projects and people apart although both are hub users (design D16).

A project is a hub user named by its UUID. Without ``ProjectSafe`` in front of the authenticator
anybody whose identity provider allows such a name could log in *as a project*. The other half
is that authenticators look at every hub user when the hub starts, and some refuse, or even
delete, users that they would not let log in: projects are never shown to them.
"""

from collections.abc import Iterable
from typing import Any

from jupyterhub import orm, roles
from jupyterhub.auth import Authenticator
from sqlalchemy.orm import object_session

from ..ids import is_project_id

__all__ = ["PROJECT_GROUP", "PROJECT_ROLE", "ProjectSafe", "TrustedClients", "protect"]

PROJECT_ROLE = "cocalc-project"
# Projects have their role through a group: who has a role directly is forgotten at every start of
# the hub unless the configuration lists them; who is in a group is not.
PROJECT_GROUP = "cocalc-projects"
_SERVER_CLIENT = "jupyterhub-user-"


class TrustedClients(set[str]):
    """OAuth clients that need no confirmation page: the given ones, and every project's server.

    JupyterHub forgets a server's client when it stops and forgets its own list when it restarts,
    so each member would be asked again and again whether they trust their own project.
    """

    def __init__(self, clients: Iterable[str]) -> None:
        super().__init__(clients)

    def __contains__(self, client: object) -> bool:
        """Return whether ``client`` may skip the page."""
        if super().__contains__(client):
            return True
        return isinstance(client, str) and is_project_id(client.removeprefix(_SERVER_CLIENT))


class ProjectSafe:
    """Mixin, first in the method resolution order, before the real authenticator."""

    def check_blocked_users(self, username: str, authentication: Any = None) -> Any:
        """Refuse names that belong to projects; leave all others to the authenticator."""
        if is_project_id(username):
            return False
        return super().check_blocked_users(username, authentication)  # type: ignore[misc]  # a mixin

    def add_user(self, user: Any) -> Any:
        """Give a new project its role; leave people to the authenticator.

        The hub calls this for every user that is created, and for all users when it starts; then
        with bare database rows, and there is nothing to do for projects.
        """
        if not is_project_id(user.name):
            return super().add_user(user)  # type: ignore[misc]  # a mixin
        return None if isinstance(user, orm.User) else _assign_project_role(user.orm_user)

    def get_handlers(self, app: Any) -> Any:
        """Return the authenticator's handlers; the first moment at which the hub's list exists."""
        settings = app.tornado_settings
        settings["oauth_no_confirm_list"] = TrustedClients(settings["oauth_no_confirm_list"])
        return super().get_handlers(app)  # type: ignore[misc]  # a mixin


def _assign_project_role(user: orm.User) -> None:
    """Let the project's own token do what a server needs, and nothing a person may do."""
    session: Any = object_session(user)
    user.groups.append(orm.Group.find(session, PROJECT_GROUP))
    roles.strip_role(session, entity=user, rolename="user", commit=False)
    session.commit()


def protect(authenticator: type[Authenticator]) -> type[Authenticator]:
    """Return ``authenticator`` with ``ProjectSafe`` in front, unless it already is there."""
    if issubclass(authenticator, ProjectSafe):
        return authenticator
    name = f"ProjectSafe{authenticator.__name__}"
    return type(name, (ProjectSafe, authenticator), {"__module__": authenticator.__module__})
