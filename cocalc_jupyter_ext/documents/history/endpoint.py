"""The histories of a project on the message fabric: ``project.<project_id>.0.history.-``.

A request is ``{name, args: [options]}``; see ``HistoryApi`` for names and options. Whoever may
publish there is a collaborator of the project, who may read and commit everything anyway.
"""

from collections.abc import Mapping
from typing import Final

from ...conat.client.client import Client
from ...conat.client.subscription import Message
from ...conat.protocol.subjects import project_subject
from ...conat.services.responder import invoke
from ...conat.services.service import Service
from ...conat.types import ProjectId
from .api import HistoryApi
from .errors import BadHistoryRequest

__all__ = ["history_service", "history_subject"]

_PROJECT_ITSELF: Final = 0


def history_subject(project_id: str) -> str:
    """Return the subject of a project's histories."""
    return project_subject(ProjectId(project_id), "history", compute_server_id=_PROJECT_ITSELF)


def history_service(client: Client, project_id: str, api: HistoryApi) -> Service:
    """Return the service that answers there; ``start`` and ``stop`` it."""

    async def answer(request: Message) -> object:
        data = request.data
        if not isinstance(data, Mapping):
            raise BadHistoryRequest("a call must be an object {name, args: [options]}")

        async def call(_request: Message, options: object = None) -> object:
            if not isinstance(options, Mapping):
                raise BadHistoryRequest(f"the argument of {data.get('name')} must be an object")
            return await api.functions[data["name"]](options)

        table = dict.fromkeys(api.functions, call)
        return await invoke(table, request, data.get("name"), data.get("args") or [])

    return Service(client, history_subject(project_id), answer)
