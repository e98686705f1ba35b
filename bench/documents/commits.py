"""What a commit costs on top of a long history, and how soon that history is listed."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from bench.documents.report import Found, p50, p95
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.sync.opening import open_astream
from cocalc_jupyter_ext.documents.history.service import synced_path
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType, new_record, string_id
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch, to_message
from cocalc_jupyter_ext.documents.syncdoc.stores import open_record
from tests.support.cocalc_clients import client_of, project_id_of
from tests.support.notebooks import write_notebook
from tests.support.persist import persist_world
from tests.support.servers import TOKEN, JupyterServer
from tests.support.synced_notebooks import PROJECT, SYNCED, open_notebook_records

__all__ = ["measure", "measure_history"]

CELLS = 200
PATCHES = 10_000
COMMITS = 300
NOTEBOOKS = 8
PAUSE_S = 0.5
BEGIN = 1_700_000_000_000
COMMIT_MS = 5.0
PAGE_MS = 200.0


def history() -> list[Patch]:
    """Return the patches of a notebook: its cells, then keystrokes in them."""
    cells = [{"type": "cell", "id": f"c{n}", "pos": n, "input": "x = 1\n"} for n in range(CELLS)]
    patches = [Patch(time=BEGIN, changes=[1, cells], user_id=0, parents=(), version=1)]
    for number in range(1, PATCHES):
        length = 6 + (number - 1) // CELLS
        kept = ("x = 1\n" + "a" * length)[:length]
        hunk = [[[0, kept[-4:]], [1, "a"]], length - 4, length - 4, 4, 5]
        edit = {"type": "cell", "id": f"c{(number - 1) % CELLS}", "input": [hunk]}
        patches.append(
            Patch(
                time=BEGIN + number,
                changes=[1, [edit]],
                user_id=0,
                parents=(BEGIN + number - 1,),
                version=number + 1,
            )
        )
    return patches


async def store(client: Client, project: str, path: str) -> None:
    """Put a long history into the streams, without any snapshot."""
    record = await open_record(client, project, path)
    doctype, now = DocumentType(NOTEBOOK_SCHEMA), datetime.now(UTC)
    record.update({**new_record(project, path, doctype, now), "users": ["ann"]})
    await record.save()
    await record.close()
    name = f"patches:{string_id(project, path)}"
    messages = [to_message(patch, has_format=True) for patch in history()]
    async with await open_astream(client, name=name, project_id=project) as stream:
        for start in range(0, PATCHES, 500):
            await stream.push(*messages[start : start + 500])


async def measure(folder: Path) -> list[Found]:
    """Commit keystrokes and read the value after each."""
    times = []
    async with persist_world(folder) as world:
        client = await world.client()
        await store(client, PROJECT, SYNCED)
        async with open_notebook_records(client, who="ann") as db:
            assert len(db.versions()) == PATCHES
            for number in range(COMMITS):
                where = {"type": "cell", "id": f"c{number % CELLS}"}
                cell = db.get_one(where)
                assert cell is not None
                start = time.perf_counter()
                db.set({**where, "input": f"{cell['input']}b"})
                db.document.commit()
                assert db.document.graph.value() is not None
                times.append((time.perf_counter() - start) * 1000)
                await db.document.save()
    note = f"  p95 {p95(times):.2f} ms, longest {max(times):.0f} ms"
    title = f"commit on top of {PATCHES:,} patches, p50"
    return [Found(title, p50(times), COMMIT_MS, "ms", note)]


async def measure_history(folder: Path) -> list[Found]:
    """Ask a server that has just started for the newest versions of histories, over HTTP."""
    server = JupyterServer(folder)
    names = [f"n{number}.ipynb" for number in range(NOTEBOOKS)]
    for name in names:
        write_notebook(server.work / name, "x")
    headers = {"Authorization": f"token {TOKEN}"}
    with server:
        project = project_id_of(server)
        async with client_of(server) as client:
            for name in names:
                await store(client, project, synced_path(name))
        server.stop()
        server.start()
        async with httpx.AsyncClient(base_url=server.url, headers=headers) as page:
            await _list_versions(page, names.pop())  # the first request of all loads modules
            times = [await _list_versions(page, name) for name in names]
    title = f"first page of {PATCHES:,} versions without a snapshot, p50"
    return [Found(title, p50(times), PAGE_MS, "ms", f"  longest {max(times):.0f} ms")]


async def _list_versions(page: httpx.AsyncClient, name: str) -> float:
    """Return the milliseconds until the newest versions are there."""
    await asyncio.sleep(PAUSE_S)  # the server has nothing else to do
    start = time.perf_counter()
    answer = await page.get(f"cocalc/history/versions/{name}?limit=100")
    passed = (time.perf_counter() - start) * 1000
    assert len(answer.json()["versions"]) == 100
    return passed
