"""Server-side execution against plain jupyter_client: a cell that flushes every line.

    python -m bench.execution [lines]

Prints the time from request to end and the lines lost for both, and the ratio of the times. The
server writes the lines into a live document and its log meanwhile; the peer only collects them.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel

from tests.support.notebook_runs import NotebookRuns
from tests.support.servers import JupyterServer


def source(lines: int) -> str:
    return f"for i in range({lines}): print(i, flush=True)"


def lost(text: str, lines: int) -> int:
    return lines - len(set(text.split()) & {str(number) for number in range(lines)})


def run_with_jupyter_client(lines: int) -> tuple[float, int]:
    manager, client = start_new_kernel()
    texts: list[str] = []

    def collect(message: dict[str, Any]) -> None:
        if message["header"]["msg_type"] == "stream":
            texts.append(message["content"]["text"])

    try:
        client.execute_interactive("1", timeout=60, output_hook=lambda _: None)
        started = time.perf_counter()
        client.execute_interactive(source(lines), timeout=120, output_hook=collect)
        return time.perf_counter() - started, lost("".join(texts), lines)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


async def run_on_server(lines: int) -> tuple[float, int]:
    server = JupyterServer(Path(tempfile.mkdtemp(prefix="bench-")))
    server.start()
    try:
        runs = await NotebookRuns.start(server, "bench.ipynb", "1", source(lines))
        await runs.run("c0")
        started = time.perf_counter()
        run_id = await runs.begin("c1")
        await runs.finish(run_id, timeout_s=120)
        return time.perf_counter() - started, lost(runs.text(await runs.cell("c1")), lines)
    finally:
        server.stop()


def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    peer_s, peer_lost = run_with_jupyter_client(lines)
    server_s, server_lost = asyncio.run(run_on_server(lines))
    print(f"{lines} lines, flushed one by one")
    print(f"jupyter_client  {peer_s:6.2f} s  {peer_lost} lost")
    print(f"our server      {server_s:6.2f} s  {server_lost} lost")
    print(f"ratio           {server_s / peer_s:6.2f}")


if __name__ == "__main__":
    main()
