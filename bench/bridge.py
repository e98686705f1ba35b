"""How long the bridge needs for one keystroke in a large notebook, on either face.

Run: ``python -m bench.bridge [cells] [megabytes of outputs]``. Prints milliseconds on the event
loop: what a page typed becomes a commit; what a client committed becomes an edit of the page's.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cocalc_jupyter_ext.documents.bridge.bridged_document import BridgedDocument
from cocalc_jupyter_ext.documents.bridge.kinds import two_faces
from cocalc_jupyter_ext.documents.syncdoc.syncdb import open_syncdb
from tests.support.documents import NOTEBOOK_ID, MemoryStorage, open_world
from tests.support.notebooks import notebook
from tests.support.persist import persist_world

PROJECT = "11111111-2222-4333-8444-555555555555"
KEYS = 100


def large_notebook(cells: int, megabytes: float) -> dict[str, Any]:
    """Return a notebook with that many cells, each with its part of the outputs."""
    content = notebook(*[f"x = {number}" for number in range(cells)])
    text = "0123456789abcde\n" * int(megabytes * 1e6 / cells / 16)
    for cell in content["cells"]:
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    return content


async def measure(folder: Path, cells: int, megabytes: float) -> dict[str, list[float]]:
    """Type on both faces; return milliseconds."""
    storage = MemoryStorage()
    storage.write("a.ipynb", large_notebook(cells, megabytes))
    times: dict[str, list[float]] = {"flush": [], "push": []}
    async with persist_world(folder / "streams") as conat, open_world(folder, storage) as world:
        document = await world.registry.open(NOTEBOOK_ID)
        faces = two_faces(document.ydoc, "a.ipynb")
        assert faces is not None
        bridged = BridgedDocument(
            document, faces, client=await conat.client(), project_id=PROJECT, account_of=str
        )
        await bridged.start()
        document.closing.append(bridged.close)
        bob = await open_syncdb(
            await conat.client(),
            project_id=PROJECT,
            path=bridged.path,
            primary_keys=["type", "id"],
            string_cols=["input"],
            participant="bob",
        )
        patches = bridged.document
        assert patches is not None
        begun = [0.0]

        def begin() -> None:
            begun[0] = time.perf_counter()

        def end(_before: object) -> None:
            times["push"].append((time.perf_counter() - begun[0]) * 1000)

        patches.before_change.connect(begin)
        patches.changes.connect(end)
        for number in range(KEYS):
            cell_id = f"c{number * 7 % cells}"
            with document.edit():
                document.ydoc.ycells[number * 7 % cells]["source"].insert(0, "a")
            start = time.perf_counter()
            bridged.flush()
            times["flush"].append((time.perf_counter() - start) * 1000)
            await patches.save()
            await asyncio.sleep(0.02)
            cell = bob.get_one({"type": "cell", "id": cell_id})
            assert cell is not None
            bob.set({"type": "cell", "id": cell_id, "input": f"{cell['input']}b"})
            await bob.commit()
            await asyncio.sleep(0.02)
        await bob.close()
    return times


def main() -> None:
    """Measure and print the percentiles."""
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    megabytes = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    with tempfile.TemporaryDirectory() as folder:
        for name, times in asyncio.run(measure(Path(folder), cells, megabytes)).items():
            ordered = sorted(times)
            print(
                f"{name}: {len(ordered)} keys in {cells} cells, {megabytes:g} MB of outputs, ms: "
                f"p50 {statistics.median(ordered):.2f}, p95 {ordered[int(len(ordered) * 0.95)]:.2f}"
            )


if __name__ == "__main__":
    main()
