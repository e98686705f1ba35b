"""HTTP: who asks, what they sent, one call of the manager, the answer.

The login is JupyterHub's (OAuth). HubOAuth accepts a cookie on anything but page views only
together with the XSRF token; requests with an API token need none. Both are checked in
``prepare``, before any handler runs.
"""

import json
import logging
from http import HTTPStatus
from typing import Any

import jinja2
from jupyterhub.services.auth import HubOAuthenticated, UserNotAllowed
from tornado.web import Finish, HTTPError, RequestHandler

from ..auth.identity import Identities
from ..db.accounts import Account
from ..errors import HubError, InvalidInputError, ProjectNotFoundError, UnknownPersonError
from ..ids import ProjectId, as_project_id
from ..projects.lifecycle import State
from ..projects.manager import ProjectManager
from .settings import ServiceSettings
from .wire import error_to_wire, project_to_wire, status_of

__all__ = [
    "BaseHandler",
    "HealthHandler",
    "ListHandler",
    "MemberHandler",
    "MembersHandler",
    "NotFoundHandler",
    "OpenHandler",
    "PageHandler",
    "ProjectHandler",
    "ProjectsHandler",
    "StartHandler",
    "StopHandler",
]

log = logging.getLogger("cocalc.hub.server")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class BaseHandler(HubOAuthenticated, RequestHandler):
    """Knows the account that asks and turns errors into readable answers."""

    account: Account

    def initialize(
        self,
        *,
        manager: ProjectManager,
        identities: Identities,
        pages: jinja2.Environment,
        settings: ServiceSettings,
    ) -> None:
        """Take what the application owns."""
        self.manager = manager
        self.identities = identities
        self.pages = pages
        self.hub_settings = settings

    def set_default_headers(self) -> None:
        """Forbid framing, inline scripts, guessing of types, and keeping answers."""
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    async def prepare(self) -> None:
        """Find the account; answer 403, or for a page the login, when there is none."""
        model = await self.hub_auth.get_user(self, sync=False)
        if model is None:
            self.refuse_stranger()
        try:
            user = self.check_hub_user(model)  # type: ignore[no-untyped-call]  # jupyterhub has no types
            self.account = await self.identities.account_of(user)
        except (UserNotAllowed, UnknownPersonError) as error:
            raise HTTPError(403, reason="This page is for people who log in") from error
        self.current_user = user

    def refuse_stranger(self) -> None:
        """End a request that nobody known makes."""
        raise HTTPError(403, reason="Your login ended or the page is old: reload the page")

    def page(self, name: str, **values: Any) -> str:
        """Render a template; ``base`` and ``prefix`` start the hub's and the service's paths."""
        return self.pages.get_template(name).render(
            base=self.hub_settings.base_url,
            prefix=self.hub_settings.prefix,
            static_url=self.static_url,
            states=State,
            **values,
        )

    def body(self, key: str) -> str:
        """Return a string of the JSON body; raises InvalidInputError."""
        try:
            value = json.loads(self.request.body)[key]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInputError(f'The request needs a JSON body with "{key}".') from error
        if not isinstance(value, str):
            raise InvalidInputError(f'"{key}" must be a string.')
        return value

    def project_id(self, text: str) -> ProjectId:
        """Return the project id in a path; raises ProjectNotFoundError."""
        project_id = as_project_id(text)
        if project_id is None:
            raise ProjectNotFoundError
        return project_id

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error in the format that was asked for."""
        error = kwargs.get("exc_info", (None, None))[1]
        code, message = "http-error", self._reason
        if isinstance(error, HubError):
            status_code, code, message = status_of(error), error.code, str(error)
            self.set_status(status_code)
        elif status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            message = "Something went wrong here; the service's log tells what."
        self.write_failure(code, message)

    def write_failure(self, code: str, message: str) -> None:
        """Answer an error as JSON."""
        self.finish(error_to_wire(code, message))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Keep refusals out of the log; of what failed behind us one line is enough."""
        if not isinstance(value, HubError):
            super().log_exception(typ, value, tb)
        elif status_of(value) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.warning("%s %s: %s", self.request.method, self.request.path, value)


class _Page(BaseHandler):
    """A page: strangers are sent to the login, errors are pages too."""

    def refuse_stranger(self) -> None:
        self.go(self.get_login_url())  # type: ignore[no-untyped-call]  # jupyterhub has no types
        raise Finish

    def go(self, url: str) -> None:
        """Redirect to ``url``."""
        self.redirect(url)  # type: ignore[no-untyped-call]  # jupyterhub has no types

    def form_token(self) -> str:
        """Return the XSRF token for the page's script."""
        token: bytes = self.xsrf_token
        return token.decode()

    def write_failure(self, code: str, message: str) -> None:
        self.finish(self.page("error.html", message=message, status=self.get_status()))


class PageHandler(_Page):
    """The projects page."""

    async def get(self) -> None:
        """Show all projects of the account."""
        projects = await self.manager.list_projects(self.account)
        self.finish(
            self.page(
                "projects.html",
                projects=projects,
                account=self.account,
                demo=self.hub_settings.demo,
                xsrf=self.form_token(),
            )
        )


class OpenHandler(_Page):
    """The way into a project, started first when it does not run."""

    async def get(self, text: str) -> None:
        """Go to JupyterLab, or show the start and go when it is done."""
        project = await self.manager.get_project(self.account, self.project_id(text))
        lab = f"{self.hub_settings.base_url}user/{project.project_id}/lab"
        if project.state is State.RUNNING:
            self.go(lab)
            return
        self.finish(self.page("open.html", project=project, lab=lab, xsrf=self.form_token()))


class ListHandler(BaseHandler):
    """The list inside the projects page, for its script."""

    async def get(self) -> None:
        """Answer the list as HTML."""
        projects = await self.manager.list_projects(self.account)
        self.finish(self.page("list.html", projects=projects, account=self.account))


class ProjectsHandler(BaseHandler):
    """``api/projects``."""

    async def get(self) -> None:
        """List the account's projects."""
        projects = await self.manager.list_projects(self.account)
        self.finish({"projects": [project_to_wire(project) for project in projects]})

    async def post(self) -> None:
        """Create a project ``{"title"}``."""
        project = await self.manager.create(self.account, self.body("title"))
        self.set_status(201)
        self.finish(project_to_wire(project))


class ProjectHandler(BaseHandler):
    """``api/projects/<id>``."""

    async def get(self, text: str) -> None:
        """Answer one project."""
        project = await self.manager.get_project(self.account, self.project_id(text))
        self.finish(project_to_wire(project))


class StartHandler(BaseHandler):
    """``api/projects/<id>/start``."""

    async def post(self, text: str) -> None:
        """Start; answers at once, with the state to watch."""
        project = await self.manager.start(self.account, self.project_id(text))
        self.set_status(202)
        self.finish(project_to_wire(project))


class StopHandler(BaseHandler):
    """``api/projects/<id>/stop``."""

    async def post(self, text: str) -> None:
        """Stop."""
        project = await self.manager.stop(self.account, self.project_id(text))
        self.finish(project_to_wire(project))


class MembersHandler(BaseHandler):
    """``api/projects/<id>/members``."""

    async def post(self, text: str) -> None:
        """Add the person ``{"name"}`` as collaborator."""
        project_id = self.project_id(text)
        project = await self.manager.add_member(self.account, project_id, self.body("name"))
        self.finish(project_to_wire(project))


class MemberHandler(BaseHandler):
    """``api/projects/<id>/members/<name>``."""

    async def delete(self, text: str, name: str) -> None:
        """Remove a collaborator."""
        await self.manager.remove_member(self.account, self.project_id(text), name)
        self.set_status(204)


class HealthHandler(RequestHandler):
    """``api/health``: answers when the service does, to anybody."""

    def get(self) -> None:
        """Say that the service answers."""
        self.finish({"status": "ok"})


class NotFoundHandler(_Page):
    """Everything else."""

    async def prepare(self) -> None:
        """Answer 404 without asking who it is."""
        raise HTTPError(404, reason="There is no such page")
