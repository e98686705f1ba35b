"""How long a keystroke takes from one page to another, through a real server.

Run: ``python -m bench.keystrokes [keys]``. Prints milliseconds: the page's update goes to the
server, into the update log, and to the other page.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.notebooks import write_notebook
from tests.support.room_client import RoomClient
from tests.support.servers import JupyterServer

PAUSE_S = 0.02


async def measure(server: JupyterServer, keys: int) -> list[float]:
    """Type ``keys`` keys in one page and wait for each in the other; return milliseconds."""
    times = []
    async with RoomClient(server, "a.ipynb") as ann, RoomClient(server, "a.ipynb") as ben:
        for _ in range(keys):
            start = time.perf_counter()
            ann.append_text("x")
            wanted = ann.text
            await ben.until(lambda wanted=wanted: ben.text == wanted)
            times.append((time.perf_counter() - start) * 1000)
            await asyncio.sleep(PAUSE_S)
    return times


def main() -> None:
    """Start a server, type, and print the percentiles."""
    keys = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as folder:
        server = JupyterServer(Path(folder))
        write_notebook(server.work / "a.ipynb", "1 + 1")
        server.start()
        try:
            times = sorted(asyncio.run(measure(server, keys)))
        finally:
            server.stop()
    print(
        f"{keys} keys, ms: p50 {statistics.median(times):.2f}, "
        f"p95 {times[int(len(times) * 0.95)]:.2f}, max {times[-1]:.2f}"
    )


if __name__ == "__main__":
    main()
