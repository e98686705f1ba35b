"""The histories of a project are found in its list of stores (conat-sync §4.7).

A stream gets its entry there some time after it was first written to. That is too late for a
document that is open for a moment only, so the project lists what it opens itself.
"""

from time import time
from typing import Final

from ...conat.client.client import Client
from ...conat.persist.messages import Inventory as Totals
from ...conat.sync.opening import open_inventory
from ..syncdoc.coordination import string_id

__all__ = ["ensure_listed", "list_moved", "listed_paths", "stream_name"]

_STREAM: Final = "patches:"


def stream_name(project_id: str, path: str) -> str:
    """Return the name of the stream that has the patches of a synced path."""
    return f"{_STREAM}{string_id(project_id, path)}"


async def listed_paths(client: Client, project_id: str) -> list[str]:
    """Return the synced paths of all documents that have a history."""
    async with await open_inventory(client, project_id=project_id) as stores:
        described = [
            (store.name, store.desc.get("path"))
            for store in stores.get_all()
            if isinstance(store.desc, dict)
        ]
    return [
        path
        for name, path in described
        if isinstance(path, str) and name == stream_name(project_id, path)
    ]


async def ensure_listed(client: Client, project_id: str, path: str) -> None:
    """List the history of a synced path, unless it is listed already."""
    name = stream_name(project_id, path)
    async with await open_inventory(client, project_id=project_id) as stores:
        if stores.get(name, "stream") is None:
            now_ms = time() * 1000
            stores.set(name, "stream", Totals(0, 0, 0), now_ms=now_ms, desc={"path": path})
            await stores.save()


async def list_moved(client: Client, project_id: str, old: str, new: str, totals: Totals) -> None:
    """List a history under its new path, and no longer under the old one."""
    async with await open_inventory(client, project_id=project_id) as stores:
        name = stream_name(project_id, new)
        stores.set(name, "stream", totals, now_ms=time() * 1000, desc={"path": new})
        stores.delete(stream_name(project_id, old), "stream")
        await stores.save()
