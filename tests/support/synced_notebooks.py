"""Notebooks opened as CoCalc clients open them: as the records of a synced document."""

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.documents.syncdoc.opening import Opening
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB, open_syncdb

from .persist import World

__all__ = ["PROJECT", "SYNCED", "join_notebook", "open_notebook_records"]

PROJECT = "11111111-2222-4333-8444-555555555555"
SYNCED = ".a.ipynb.sage-jupyter2"
"""The path of the records of ``a.ipynb``."""


def open_notebook_records(
    client: Client, *, project_id: str = PROJECT, path: str = SYNCED, who: str | None = None
) -> Opening[SyncDB]:
    """Open the records at a synced path, as ``who`` or as the client's user."""
    return open_syncdb(
        client,
        project_id=project_id,
        path=path,
        primary_keys=["type", "id"],
        string_cols=["input"],
        participant=who,
    )


async def join_notebook(
    world: World, who: str = "ann", *, client: Client | None = None, path: str = SYNCED
) -> SyncDB:
    """Open the records as ``who`` until the world ends."""
    db = await open_notebook_records(client or await world.client(), path=path, who=who)
    world.stack.push_async_callback(db.close)
    return db
