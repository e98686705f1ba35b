"""Notebooks with large outputs: how small their documents are, and how soon they are there."""

import base64
import json
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.notebooks.row import Row
from tests.support.notebook_runs import NotebookRuns
from tests.support.notebooks import notebook
from tests.support.room_client import RoomClient
from tests.support.servers import JupyterServer

PICTURES, PICTURE_BYTES = 100, 150_000  # 20 MB as base64 text
TEXTS, TEXT_CHARS = 100, 200_000
LOOP = """
from IPython.display import Image, display
import random
random.seed(1)
for number in range(100):
    display(Image(random.randbytes(200_000), format="png"))
"""


async def rows() -> AsyncIterator[Row]:
    """Yield the rows; runs for about fifteen seconds.

    Each measure has a server of its own: one that has just closed large notebooks is still busy.
    """
    for measure in (_opening, _text, _loop):
        with TemporaryDirectory() as folder, JupyterServer(Path(folder)) as server:
            async for row in measure(server):
                yield row


async def _opening(server: JupyterServer) -> AsyncIterator[Row]:
    file = server.work / "large.ipynb"
    file.write_text(json.dumps(large_notebook()))
    size = file.stat().st_size / 1e6
    for how in ("first", "second"):
        began = time.perf_counter()
        async with RoomClient(server, "large.ipynb") as page:
            took_s = time.perf_counter() - began
            document = len(page.doc.get_update()) / 1e6
        yield Row(f"{size:.0f} MB of outputs: {how} opening", took_s, "s", 1)
    yield Row(f"{size:.0f} MB of outputs: document", document, "MB", 1)
    async with RoomClient(server, "large.ipynb") as page:
        page.append_text("#")
        began = time.perf_counter()
        await page.save()
        yield Row(f"{size:.0f} MB of outputs: save", time.perf_counter() - began, "s", 2)


async def _text(server: JupyterServer) -> AsyncIterator[Row]:
    file = server.work / "text.ipynb"
    content = notebook(*["print()"] * TEXTS)
    for number, cell in enumerate(content["cells"]):
        text = f"a line of text in cell {number}\n" * (TEXT_CHARS // 28)
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    file.write_text(json.dumps(content))
    size = file.stat().st_size / 1e6
    began = time.perf_counter()
    async with RoomClient(server, "text.ipynb") as page:
        yield Row(f"{size:.0f} MB of text: first opening", time.perf_counter() - began, "s", 1)
        yield Row(f"{size:.0f} MB of text: document", len(page.doc.get_update()) / 1e6, "MB", 1)


async def _loop(server: JupyterServer) -> AsyncIterator[Row]:
    runs = await NotebookRuns.start(server, "loop.ipynb", "1", LOOP)
    await runs.run("c0")
    async with RoomClient(server, "loop.ipynb") as page:
        began = time.perf_counter()
        await runs.run("c1")
        await page.until(lambda: len(page.document.ycells[1]["outputs"]) == 100, timeout_s=60)
        yield Row("100 images of 200 kB in a loop", time.perf_counter() - began, "s", 2)
        yield Row("their document", len(page.doc.get_update()) / 1e6, "MB", 1)


def large_notebook() -> dict[str, object]:
    content = notebook(*["show()"] * PICTURES)
    noise = random.Random(1)
    for cell in content["cells"]:
        picture = base64.b64encode(noise.randbytes(PICTURE_BYTES)).decode()
        output = {"output_type": "display_data", "data": {"image/png": picture}, "metadata": {}}
        cell["outputs"] = [output]
    return content
