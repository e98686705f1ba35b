"""How long a server that is ready waits to be noticed: the spawner's wait against JupyterHub's own.

Run with ``python bench/spawn.py``. Both wait in turn for freshly started JupyterLab servers; each
wait runs from the start of the process to the moment its answer is seen.
"""

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator

from jupyterhub.httpclient import JupyterHubHTTPClient
from jupyterhub.utils import wait_for_http_server

from cocalc_hub_ext.spawner.readiness import wait_until_ready
from tests.support.ports import free_port

ROUNDS = 5
Wait = Callable[[str], Awaitable[object]]


@contextlib.contextmanager
def lab(port: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as home:
        options = ["--no-browser", f"--port={port}", "--allow-root", "--IdentityProvider.token="]
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "jupyterlab", *options],
            cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": home},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


async def measure_s(wait: Wait) -> float:
    port = free_port()
    begun = time.perf_counter()
    with lab(port):
        await wait(f"http://127.0.0.1:{port}/api")
        return time.perf_counter() - begun


async def ours(url: str) -> None:
    await wait_until_ready(url, lambda: None, interval_s=0.05, timeout_s=60)


async def stock(url: str) -> None:
    await wait_for_http_server(url, timeout=60)


async def main() -> None:
    times: dict[str, list[float]] = {"JupyterHub's wait": [], "every 50 ms": []}
    for _ in range(ROUNDS):
        times["JupyterHub's wait"].append(await measure_s(stock))
        times["every 50 ms"].append(await measure_s(ours))
    await JupyterHubHTTPClient.loop_instance().close()
    for name, found in times.items():
        shown = f"median {statistics.median(found):.2f} s, {min(found):.2f}-{max(found):.2f} s"
        print(f"{name:20} {shown}")


if __name__ == "__main__":
    asyncio.run(main())
