"""Rights that were taken away take effect at once (reference jupyterhub §3.2).

A single-user server remembers for minutes what the hub said about a token, and open
websockets are never asked again. When a member is removed, the hub's service calls
``POST cocalc/api/members/revoke``: what was remembered about that user is forgotten and all of the
user's websockets end. Every later request asks the hub again.
"""

from typing import Any

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.web import HTTPError

from .connections import UserSockets

__all__ = ["RevokeHandler", "forget_user", "handlers"]


class RevokeHandler(APIHandler):
    """``POST cocalc/api/members/revoke {"name": <hub user>}`` -> 204, for the hub's service."""

    auth_resource = "members"

    def initialize(self, sockets: UserSockets, service_name: str) -> None:
        """Take what the handler calls."""
        self._sockets = sockets
        self._service_name = service_name

    async def post(self) -> None:
        """Forget a user's tokens and end the user's sockets; 400, 403."""
        if not _is_service(self.current_user, self._service_name):
            raise HTTPError(
                403, f"Only the hub's service {self._service_name!r} may revoke members."
            )
        body = self.get_json_body()
        name = body.get("name") if isinstance(body, dict) else None
        if not isinstance(name, str) or not name:
            raise HTTPError(400, 'The body must be {"name": "<hub user name>"}.')
        forgotten = forget_user(self.identity_provider, name)
        closed = self._sockets.close_user(name)
        self.log.info("Member %s revoked: %d tokens, %d sockets", name, forgotten, closed)
        self.set_status(204)
        self.finish()


def forget_user(identity_provider: Any, name: str) -> int:
    """Drop what the single-user server remembers about a user's tokens; return how many."""
    hub_auth = getattr(identity_provider, "hub_auth", None)
    if hub_auth is None:
        return 0
    # The cache is JupyterHub's expiring dictionary: its entries are in ``values``, an attribute.
    cache = hub_auth.cache
    keys = [key for key, model in cache.values.items() if model and model.get("name") == name]
    for key in keys:
        cache.pop(key, None)
    return len(keys)


def _is_service(user: Any, service_name: str) -> bool:
    """Whether the request comes from the hub's own service: only a hub user model can say so."""
    model = getattr(user, "hub_user", None)
    return (
        isinstance(model, dict)
        and model.get("kind") == "service"
        and model.get("name") == service_name
    )


def handlers(
    sockets: UserSockets, service_name: str
) -> list[tuple[str, type[JupyterHandler], dict[str, Any]]]:
    """Return the routes, relative to the base URL."""
    options = {"sockets": sockets, "service_name": service_name}
    return [("cocalc/api/members/revoke", RevokeHandler, options)]
