"""Brings what people have just typed into the file, before something reads that."""

from ..documents.registry import DocumentRegistry
from .api_paths import normal_path

__all__ = ["save_open"]

_READINGS = (("json", "notebook"), ("text", "file"))


async def save_open(documents: DocumentRegistry, path: str) -> None:
    """Write the file of a path if it is open as a document; raises what saving raises."""
    for file_format, file_type in _READINGS:
        live = documents.find(normal_path(path), file_format=file_format, file_type=file_type)
        if live is not None:
            await live.save()
