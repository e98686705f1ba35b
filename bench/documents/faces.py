"""How long the server's event loop is busy with one keystroke in a large notebook, on either face.

What a page typed becomes a commit; what a CoCalc client committed becomes an edit of the page's.
"""

import asyncio
import time
from pathlib import Path

from bench.documents.opening import large_notebook
from bench.documents.report import Found, p50, p95
from cocalc_jupyter_ext.documents.bridge.bridged_document import BridgedDocument
from cocalc_jupyter_ext.documents.bridge.kinds import two_faces
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument
from tests.support.documents import NOTEBOOK_ID, MemoryStorage, open_world
from tests.support.persist import persist_world
from tests.support.synced_notebooks import PROJECT, open_notebook_records

__all__ = ["measure"]

KEYS = 100
CELLS = 500
OUTPUT_BYTES = 10_000
TARGET_MS = 5.0


class Stopwatch:
    """Takes the time from a commit of others until the shared types have it."""

    def __init__(self, patches: SyncDocument[object]) -> None:
        self.times: list[float] = []
        self._begin = 0.0
        patches.before_change.connect(self._start)
        patches.changes.connect(self._stop)

    def _start(self) -> None:
        self._begin = time.perf_counter()

    def _stop(self, _before: object) -> None:
        self.times.append((time.perf_counter() - self._begin) * 1000)


async def measure(folder: Path) -> list[Found]:
    """Type on both faces in turns."""
    storage = MemoryStorage()
    storage.write("a.ipynb", large_notebook(CELLS, OUTPUT_BYTES))
    committed: list[float] = []
    async with persist_world(folder / "streams") as conat, open_world(folder, storage) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        faces = two_faces(document.ydoc, "a.ipynb")
        assert faces is not None
        bridged = BridgedDocument(
            document, faces, client=await conat.client(), project_id=PROJECT, account_of=str
        )
        await bridged.start()
        document.closing.append(bridged.close)
        patches = bridged.document
        assert patches is not None
        watch = Stopwatch(patches)
        async with open_notebook_records(await conat.client(), path=bridged.path, who="bob") as bob:
            for number in range(KEYS):
                cell = number * 7 % CELLS
                with document.edit():
                    document.ydoc.ycells[cell]["source"].insert(0, "a")
                start = time.perf_counter()
                bridged.flush()
                committed.append((time.perf_counter() - start) * 1000)
                await patches.save()
                await asyncio.sleep(0.02)
                where = {"type": "cell", "id": f"c{cell}"}
                record = bob.get_one(where)
                assert record is not None
                bob.set({**where, "input": f"{record['input']}b"})
                await bob.commit()
                await asyncio.sleep(0.02)
    size = f"{CELLS} cells with {CELLS * OUTPUT_BYTES / 1e6:g} MB of outputs"
    return [
        Found(f"{title} in {size}, p50", p50(times), TARGET_MS, "ms", f"  p95 {p95(times):.2f} ms")
        for title, times in (("typed to commit", committed), ("commit to page", watch.times))
    ]
