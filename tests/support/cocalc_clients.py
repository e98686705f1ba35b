"""CoCalc clients of a real server, on the wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.protocol.subjects import project_subject
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport
from cocalc_jupyter_ext.conat.types import ProjectId
from cocalc_jupyter_ext.documents.syncdoc.coordination import synced_path_of_notebook
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB

from .servers import TOKEN, JupyterServer
from .synced_notebooks import open_notebook_records

__all__ = ["api_of", "client_of", "inputs", "open_cocalc_notebook", "project_id_of"]


def client_of(server: JupyterServer, token: str = TOKEN) -> Client:
    """Return a client that comes back at once when it was disconnected."""
    headers = {"Authorization": f"token {token}"}
    return Client(TornadoTransport(server.url, headers=headers), rng=lambda: 0.0)


def project_id_of(server: JupyterServer) -> ProjectId:
    """Return the id of the project that a server is."""
    kept = server.folder / "data" / "cocalc" / "project-id"
    return ProjectId(kept.read_text().strip())


def api_of(server: JupyterServer) -> str:
    """Return the subject of the project's functions."""
    return project_subject(project_id_of(server), "api", compute_server_id=0)


@asynccontextmanager
async def open_cocalc_notebook(
    server: JupyterServer, notebook: str = "a.ipynb"
) -> AsyncIterator[SyncDB]:
    """Open the records of a notebook by a client of their own."""
    path = synced_path_of_notebook(notebook)
    async with (
        client_of(server) as client,
        open_notebook_records(client, project_id=project_id_of(server), path=path) as db,
    ):
        yield db


def inputs(db: SyncDB) -> list[Any]:
    """Return the sources of the cells, from the top."""
    cells = sorted(db.get({"type": "cell"}), key=lambda cell: cell["pos"])
    return [cell.get("input") for cell in cells]
