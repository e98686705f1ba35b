"""What the service is told by its environment, as one frozen value.

JupyterHub supplies ``JUPYTERHUB_*`` to every service; ``COCALC_*`` come from ``config.setup``, or
from the administrator when the service runs outside the hub.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..db.engine import sqlite_url

__all__ = ["ServiceSettings", "settings_from_env"]


@dataclass(frozen=True)
class ServiceSettings:
    """Addresses, secrets and places; ``public_url`` is the hub as reached from this machine."""

    host: str
    port: int
    prefix: str
    base_url: str
    api_url: str
    api_token: str
    public_url: str
    open_url: str
    data_dir: Path
    projects_root: Path
    database_url: str
    demo: bool
    ends_with_hub: bool


def settings_from_env(env: Mapping[str, str]) -> ServiceSettings:
    """Read the environment; raises KeyError naming a variable that is missing."""
    address = urlsplit(env["JUPYTERHUB_SERVICE_URL"])
    data_dir = Path(env["COCALC_DATA"])
    return ServiceSettings(
        host=address.hostname or "127.0.0.1",
        port=address.port or 80,
        prefix=env["JUPYTERHUB_SERVICE_PREFIX"],
        base_url=env["JUPYTERHUB_BASE_URL"],
        api_url=env["JUPYTERHUB_API_URL"],
        api_token=env["JUPYTERHUB_API_TOKEN"],
        public_url=env["COCALC_PUBLIC_URL"],
        open_url=env.get("COCALC_OPEN_URL", env["COCALC_PUBLIC_URL"]),
        data_dir=data_dir,
        projects_root=Path(env.get("COCALC_PROJECTS", data_dir / "projects")),
        database_url=env.get("COCALC_DATABASE_URL", sqlite_url(data_dir / "cocalc.sqlite")),
        demo=env.get("COCALC_DEMO") == "1",
        ends_with_hub=env.get("COCALC_ENDS_WITH_HUB") == "1",
    )
