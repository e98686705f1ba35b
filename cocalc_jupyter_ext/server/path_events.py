"""Lets documents and their histories follow their files when these are renamed through Jupyter."""

from collections.abc import Awaitable, Callable
from typing import Any

from jupyter_events import EventLogger

from ..documents.registry import DocumentRegistry
from .api_paths import normal_path

__all__ = ["CONTENTS_SCHEMA", "Follow", "follow_paths"]

CONTENTS_SCHEMA = "https://events.jupyter.org/jupyter_server/contents_service/v1"


Follow = Callable[[str, str], Awaitable[None]]
"""Called with the old and the new path of a file or folder, when open documents have followed."""


def follow_paths(events: EventLogger, documents: DocumentRegistry, follow: Follow) -> None:
    """Listen to the contents manager's events for as long as the server runs."""

    async def on_contents(logger: EventLogger, schema_id: str, data: dict[str, Any]) -> None:
        if data["action"] == "rename":
            old, new = normal_path(data["source_path"]), normal_path(data["path"])
            documents.follow_rename(old, new)
            await follow(old, new)

    events.add_listener(schema_id=CONTENTS_SCHEMA, listener=on_contents)
