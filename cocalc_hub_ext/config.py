"""``setup(c)``: everything that makes a JupyterHub configuration a hub with projects.

What the administrator set on ``c`` before the call is kept or combined; what is set afterwards
replaces, as always in JupyterHub. Three settings must come before the call because something is
derived from them: the authenticator class, the bind URL and the TLS files.
"""

import os
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from .addresses import is_loopback
from .auth.demo import DEMO_WARNING, DemoAuthenticator
from .auth.project_safe import PROJECT_GROUP, PROJECT_ROLE, protect
from .hooks import PROJECT_ROUTE, PreSpawn, ProjectRedirectHandler
from .proxy.configure import configure as configure_proxy
from .settings import HubSettings, InvalidOptionError, resolve_settings
from .spawner.configure import configure as configure_spawner
from .startup import StartupError, check_port, claim_data_dir, kept_ports

__all__ = ["SERVICE_NAME", "configure", "setup"]

SERVICE_NAME = "cocalc"
_USER_SCOPES = [
    "read:users!user",
    "users:activity!user",
    "users:shares!user",
    "tokens!user",
    f"access:services!service={SERVICE_NAME}",
]
_PROJECT_SCOPES = [
    "users:activity!user",
    "access:servers!user",
    "read:users:name!user",
    "read:users:groups!user",
]
_SERVICE_SCOPES = [
    "access:servers",
    "access:services",
    "admin:users",
    "list:users",
    "read:hub",
    "read:users",
    "servers",
    "shares",
    "users:shares",
]


def setup(
    c: Config,
    *,
    host: str | None = None,
    port: int | None = None,
    base_path: str | None = None,
    data_dir: str | Path | None = None,
    projects_root: str | Path | None = None,
    database_url: str | None = None,
    keep_projects: bool | None = None,
) -> None:
    """Configure ``c``, claim the data directory, and end the process when a start cannot work.

    ``host`` defaults to 127.0.0.1, ``port`` to ``$PORT`` or 8000, ``base_path`` to ``$BASE_PATH``
    or ``/``; ``data_dir`` to ``$COCALC_DATA`` or ``./data``; ``projects_root`` to
    ``$COCALC_PROJECTS`` or ``projects`` in it; ``database_url`` to ``$COCALC_DATABASE_URL`` or a
    SQLite file in it. ``keep_projects`` says whether projects run on when the hub ends; the
    default is yes, except in demo mode, where Ctrl-C leaves nothing behind.
    """
    options = {
        "host": host,
        "port": port,
        "base_path": base_path,
        "data_dir": data_dir,
        "projects_root": projects_root,
        "database_url": database_url,
    }
    try:
        settings = resolve_settings(
            options=options,
            env=os.environ,
            configured_bind_url=c.JupyterHub.get("bind_url"),
            https=bool(c.JupyterHub.get("ssl_cert")),
            cwd=Path.cwd(),
        )
        ports = _claim(c, settings)
        configure(c, settings, ports, keep_projects=keep_projects)
    except (StartupError, InvalidOptionError) as error:
        sys.exit(f"cocalc-jupyter: {error}")


def _claim(c: Config, settings: HubSettings) -> dict[str, int]:
    claim_data_dir(settings.data_dir)
    if c.Proxy.get("should_start", True):
        check_port(settings.host, settings.port)
    return kept_ports(settings.data_dir / "ports.json", ("hub", "service"))


def configure(
    c: Config,
    settings: HubSettings,
    ports: Mapping[str, int],
    *,
    keep_projects: bool | None = None,
) -> None:
    """Write everything onto ``c``; touches nothing else. Raises StartupError.

    ``ports`` are the loopback ports of the ``hub`` and the ``service``.
    """
    authenticator = _choose_authenticator(c, settings)
    demo = issubclass(authenticator, DemoAuthenticator)
    c.JupyterHub.authenticator_class = authenticator
    c.JupyterHub.bind_url = settings.bind_url
    _set_defaults(c.JupyterHub, _hub_defaults(settings, ports))
    if keep_projects is not None or demo:
        _set_defaults(c.JupyterHub, {"cleanup_servers": not keep_projects})
    if demo:
        # So that the line that says where to click stays in sight.
        _set_defaults(c.JupyterHub, {"log_level": "WARN"})
        _set_defaults(c.CoCalcProxy, {"log_level": "warning"})
    _add_service(c, settings, ports["service"], demo=demo)
    _add_roles(c)
    _add_pages(c, demo=demo)
    c.Spawner.pre_spawn_hook = PreSpawn(c.Spawner.get("pre_spawn_hook"))
    configure_proxy(c)
    configure_spawner(c, projects_root=settings.projects_root)


def _choose_authenticator(c: Config, settings: HubSettings) -> type[Authenticator]:
    chosen = protect(_load(c.JupyterHub.get("authenticator_class", DemoAuthenticator)))
    if issubclass(chosen, DemoAuthenticator) and not is_loopback(settings.host):
        raise StartupError(
            f"the demo authenticator has no passwords and refuses {settings.bind_url}. Listen on "
            "127.0.0.1, or set c.JupyterHub.authenticator_class before setup(c)."
        )
    return chosen


def _load(authenticator: str | type[Authenticator]) -> type[Authenticator]:
    if not isinstance(authenticator, str):
        return authenticator
    for entry in entry_points(group="jupyterhub.authenticators", name=authenticator):
        found: type[Authenticator] = entry.load()
        return found
    try:
        imported: type[Authenticator] = import_item(authenticator)
    except ImportError as error:
        raise StartupError(f"JupyterHub.authenticator_class {authenticator!r}: {error}") from error
    return imported


def _hub_defaults(settings: HubSettings, ports: Mapping[str, int]) -> dict[str, Any]:
    return {
        "hub_bind_url": f"http://127.0.0.1:{ports['hub']}",
        "db_url": f"sqlite:///{settings.data_dir / 'jupyterhub.sqlite'}",
        "cookie_secret_file": str(settings.data_dir / "jupyterhub_cookie_secret"),
        "default_url": f"{settings.base_url}services/{SERVICE_NAME}/",
    }


def _set_defaults(section: Config, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name not in section:
            section[name] = value


def _add_service(c: Config, settings: HubSettings, port: int, *, demo: bool) -> None:
    services = c.JupyterHub.get("services", [])
    if any(service["name"] == SERVICE_NAME for service in services):
        return
    environment = {
        "COCALC_DATA": str(settings.data_dir),
        "COCALC_DATABASE_URL": settings.database_url,
        "COCALC_DEMO": "1" if demo else "0",
        "COCALC_ENDS_WITH_HUB": "1",
        "COCALC_PROJECTS": str(settings.projects_root),
        "COCALC_PUBLIC_URL": settings.local_url,
    }
    service = {
        "name": SERVICE_NAME,
        "url": f"http://127.0.0.1:{port}",
        "command": [sys.executable, "-P", "-m", "cocalc_hub_ext.server"],
        "environment": environment,
        "oauth_no_confirm": True,
    }
    c.JupyterHub.services = [*services, service]


def _add_roles(c: Config) -> None:
    """Add the roles that the administrator has not defined; people get no server of their own."""
    extra = sorted(c.JupyterHub.get("extra_user_scopes", []))
    ours = [
        {"name": "user", "scopes": [*_USER_SCOPES, *extra]},
        {"name": PROJECT_ROLE, "scopes": _PROJECT_SCOPES, "groups": [PROJECT_GROUP]},
        {"name": "cocalc-service", "scopes": _SERVICE_SCOPES, "services": [SERVICE_NAME]},
    ]
    theirs = c.JupyterHub.get("load_roles", [])
    defined = {role["name"] for role in theirs}
    c.JupyterHub.load_roles = [*theirs, *(role for role in ours if role["name"] not in defined)]


def _add_pages(c: Config, *, demo: bool) -> None:
    hub = c.JupyterHub
    hub.extra_handlers = [*hub.get("extra_handlers", []), (PROJECT_ROUTE, ProjectRedirectHandler)]
    hub.template_paths = [
        *hub.get("template_paths", []),
        str(Path(__file__).parent / "auth" / "templates"),
    ]
    if demo:
        hub.template_vars = {"announcement_login": DEMO_WARNING} | hub.get("template_vars", {})
    # A start is answered at once; its progress comes from the hub's event stream.
    hub.tornado_settings = {"slow_spawn_timeout": 0} | hub.get("tornado_settings", {})
