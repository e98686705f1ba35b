"""Lets open documents follow their files when these are renamed through Jupyter."""

from typing import Any

from jupyter_events import EventLogger

from ..documents.registry import DocumentRegistry
from .api_paths import normal_path

__all__ = ["CONTENTS_SCHEMA", "follow_paths"]

CONTENTS_SCHEMA = "https://events.jupyter.org/jupyter_server/contents_service/v1"


def follow_paths(events: EventLogger, documents: DocumentRegistry) -> None:
    """Listen to the contents manager's events for as long as the server runs."""

    async def on_contents(logger: EventLogger, schema_id: str, data: dict[str, Any]) -> None:
        if data["action"] == "rename":
            documents.follow_rename(normal_path(data["source_path"]), normal_path(data["path"]))

    events.add_listener(schema_id=CONTENTS_SCHEMA, listener=on_contents)
