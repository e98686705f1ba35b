"""What happens once after every start: mirror, demo project, and the line that says where to click.

The line comes when a request from outside reaches the service through the proxy: the hub adds
the route only when all services are up, so that is the moment everything works.
"""

import asyncio
import logging
import sys

from tornado.httpclient import AsyncHTTPClient, HTTPError

from ..addresses import is_loopback_url
from ..auth.identity import Identities
from ..db.engine import Database
from ..errors import HubError
from ..projects.demo import DEMO_TITLE, ensure_demo
from ..projects.hub_client import HubClient
from ..projects.manager import ProjectManager
from .settings import ServiceSettings

__all__ = ["boot", "welcome_line"]

_POLL_S = 0.05
_READY_S = 60
log = logging.getLogger("cocalc.hub.server")


async def boot(
    settings: ServiceSettings,
    database: Database,
    hub: HubClient,
    manager: ProjectManager,
    identities: Identities,
) -> None:
    """Bring the hub up to date, then tell the terminal where to go."""
    try:
        if settings.demo:
            await ensure_demo(database, hub, manager, identities, settings.projects_root)
        await manager.reconcile()
        await asyncio.wait_for(_wait_until_public(settings), _READY_S)
    except (HubError, OSError, TimeoutError):
        log.exception("The service is up, but not everything that should be ready is")
    else:
        print(welcome_line(settings.open_url, demo=settings.demo), file=sys.stderr, flush=True)  # noqa: T201 - the one line for the terminal


def welcome_line(url: str, *, demo: bool) -> str:
    """Return where to click and under which name."""
    if not demo:
        return f"cocalc-jupyter: open {url}"
    return (
        f'cocalc-jupyter: open {url} , log in as "demo" (and as "guest" in a second browser '
        f'or private window); no password. Then click "{DEMO_TITLE}".'
    )


async def _wait_until_public(settings: ServiceSettings) -> None:
    base = settings.public_url.rstrip("/").removesuffix(settings.base_url.rstrip("/"))
    url = f"{base}{settings.prefix}api/health"
    client = AsyncHTTPClient()
    while True:
        try:
            await client.fetch(url, validate_cert=not is_loopback_url(url), follow_redirects=False)
        except (HTTPError, OSError):
            await asyncio.sleep(_POLL_S)
        else:
            return
