"""The service's process: what it owns, in which order it starts, how it ends.

Start: settings, tables, then the port, so that the hub sees the service only when it can
answer; the mirror in the hub and the demo project follow in the background, because they need a
hub that has gone on starting. End: on SIGTERM, in the opposite order.
"""

import asyncio
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import jinja2
from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler
from sqlalchemy.exc import SQLAlchemyError
from tornado.httpserver import HTTPServer
from tornado.web import Application

from ..auth.identity import Identities
from ..db.engine import Database, create_hub_engine
from ..db.schema import upgrade_schema
from ..errors import HubError
from ..ids import PROJECT_ID_PATTERN
from ..projects.hub_client import HubClient
from ..projects.manager import ProjectManager
from . import handlers
from .boot import boot
from .cookie_secret import load_cookie_secret
from .settings import ServiceSettings, settings_from_env

__all__ = ["main", "make_app", "serve"]

_HERE = Path(__file__).parent
_MAX_BODY_BYTES = 64 * 1024
# JupyterHub's own 300 s would keep somebody who logged out, or was blocked, for five minutes.
_LOGIN_CACHE_S = 10
_PARENT_POLL_S = 1.0
log = logging.getLogger("cocalc.hub.server")


def main() -> None:
    """Run the service until it is told to stop."""
    _configure_logging()
    try:
        settings = settings_from_env(os.environ)
    except KeyError as error:
        sys.exit(f"cocalc-jupyter: {error} is not set; JupyterHub sets it for its services")
    try:
        asyncio.run(_run(settings))
    except (HubError, SQLAlchemyError, OSError) as error:
        sys.exit(f"cocalc-jupyter: the projects service cannot start: {error}")


def _configure_logging() -> None:
    logging.basicConfig(format="[%(levelname).1s %(asctime)s %(name)s] %(message)s")
    logging.getLogger("cocalc").setLevel(logging.INFO)
    # Refusals are answers to the person who asked, not events of the service.
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    # JupyterHub's XSRF check names sessions there at INFO.
    logging.getLogger("tornado.application").setLevel(logging.WARNING)


async def _run(settings: ServiceSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = asyncio.create_task(_end_with_parent(stop)) if settings.ends_with_hub else None
    try:
        await serve(settings, stop)
    finally:
        if watching is not None:
            watching.cancel()


async def _end_with_parent(stop: asyncio.Event) -> None:
    """Set ``stop`` when the hub has died: nobody else would end a service that it managed."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing announces a death
        await asyncio.sleep(_PARENT_POLL_S)
    log.warning("The hub is gone; the projects service ends with it")
    stop.set()


async def serve(settings: ServiceSettings, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set; raises OSError when the port is taken."""
    HubOAuth.instance(cache_max_age=_LOGIN_CACHE_S)
    engine = create_hub_engine(settings.database_url)
    upgrade_schema(engine)
    database = Database(engine)
    hub = HubClient(
        api_url=settings.api_url, public_url=settings.public_url, token=settings.api_token
    )
    identities = Identities(database, hub, now=_now, new_id=uuid4)
    manager = ProjectManager(database, hub, identities, now=_now, new_id=uuid4)
    server = HTTPServer(
        make_app(settings, manager, identities), xheaders=True, max_body_size=_MAX_BODY_BYTES
    )
    server.listen(settings.port, settings.host)
    booting = asyncio.create_task(boot(settings, database, hub, manager, identities), name="boot")
    try:
        await stop.wait()
    finally:
        booting.cancel()
        server.stop()
        await server.close_all_connections()
        await asyncio.gather(booting, return_exceptions=True)
        await manager.close()
        hub.close()
        database.close()


def _now() -> datetime:
    return datetime.now(UTC)


def make_app(
    settings: ServiceSettings, manager: ProjectManager, identities: Identities
) -> Application:
    """Build the Tornado application below the service's prefix."""
    parts = {
        "manager": manager,
        "identities": identities,
        "pages": _make_pages(),
        "settings": settings,
    }
    project = rf"api/projects/({PROJECT_ID_PATTERN})"
    routes: list[tuple[str, type[handlers.BaseHandler]]] = [
        ("", handlers.PageHandler),
        ("list", handlers.ListHandler),
        (rf"open/({PROJECT_ID_PATTERN})", handlers.OpenHandler),
        ("api/projects", handlers.ProjectsHandler),
        (project, handlers.ProjectHandler),
        (f"{project}/start", handlers.StartHandler),
        (f"{project}/stop", handlers.StopHandler),
        (f"{project}/members", handlers.MembersHandler),
        (f"{project}/members/([^/]+)", handlers.MemberHandler),
    ]
    prefix = settings.prefix
    return Application(
        [
            (prefix + "oauth_callback", HubOAuthCallbackHandler),
            (prefix + "api/health", handlers.HealthHandler),
            *((prefix + path, handler, parts) for path, handler in routes),
        ],
        default_handler_class=handlers.NotFoundHandler,
        default_handler_args=parts,
        cookie_secret=load_cookie_secret(settings.data_dir / "service_cookie_secret"),
        static_path=str(_HERE / "static"),
        static_url_prefix=prefix + "static/",
    )


def _make_pages() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
