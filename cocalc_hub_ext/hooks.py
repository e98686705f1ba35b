"""The small things that run inside the hub's process."""

from typing import Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.spawner import SpawnException
from jupyterhub.utils import maybe_future

from .auth.project_safe import ProjectSafe
from .ids import PROJECT_ID_PATTERN

__all__ = ["PROJECT_ROUTE", "PreSpawn", "ProjectRedirectHandler"]

PROJECT_ROUTE = rf"/({PROJECT_ID_PATTERN})(/.*)?"


class ProjectRedirectHandler(BaseHandler):
    """``/<project_id>/...`` leads to the project's server, whose path JupyterHub fixes."""

    def get(self, project_id: str, _rest: str | None) -> None:
        """Redirect, keeping the rest of the path and the query as they were sent."""
        rest = self.request.uri.split(project_id, 1)[1]
        self.redirect(f"{self.base_url}user/{project_id}{rest or '/'}")


class PreSpawn:
    """The hub's pre-spawn hook: safety first, then what the administrator wanted."""

    def __init__(self, configured: Any = None) -> None:
        self._configured = configured

    async def __call__(self, spawner: Any) -> None:
        """Refuse to start projects for an authenticator that could log in as one of them."""
        if not isinstance(spawner.authenticator, ProjectSafe):
            raise SpawnException(
                "Projects do not start: JupyterHub.authenticator_class was set after "
                "cocalc_hub_ext.setup(c) and does not protect them. Set it before.",
                reason="unprotected-authenticator",
            )
        if self._configured is not None:
            await maybe_future(self._configured(spawner))
