"""The authenticator of first runs: any name, no password, this machine only.

It exists so that one command shows two people in one notebook. Because it checks nothing, it
refuses to run on an address that other machines can reach.
"""

import re
from typing import Any

from jupyterhub.auth import Authenticator

from ..addresses import is_loopback_url
from .project_safe import ProjectSafe

__all__ = ["DEMO_WARNING", "DemoAuthenticator"]

DEMO_WARNING = (
    "Demo mode: anybody who can open this address logs in under any name, without a password. "
    "It works on this machine only."
)
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


class DemoAuthenticator(ProjectSafe, Authenticator):
    """Lets everybody in under the name they type, on loopback addresses alone."""

    asks_password = False

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """Return the typed name when it is usable as one, whatever the password."""
        name = data.get("username", "").strip().lower()
        return name if _NAME.fullmatch(name) else None

    def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """Allow every name."""
        return True

    def check_allow_config(self) -> None:
        """Warn; end the hub when its addresses are not this machine's alone.

        The hub calls this when its configuration is complete, whoever changed it last.
        """
        app: Any = self.parent
        for url in filter(None, (app.bind_url, app.hub_bind_url)):
            if not is_loopback_url(url):
                app.exit(
                    f"cocalc-jupyter: the demo authenticator has no passwords and refuses {url}. "
                    "Listen on 127.0.0.1, or configure another JupyterHub.authenticator_class."
                )
        self.log.warning(DEMO_WARNING)
