"""What the conat server costs, next to a bare socket.io server that routes in the same way.

Run with ``python bench/conat [measure ...]``; it needs Node.js. Both servers are driven by the same
JavaScript client, in turns, on the same machine; compression is off. A ratio is the median of the
ratios of the rounds: below 1 is better for times and memory, above 1 for rates.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

FOLDER = Path(__file__).parent
ROUNDS = 7
ROUND_TIMEOUT_S = 120
CONNECTIONS = 2_000
MAX_KB = 60
OURS = [sys.executable, "-m", "cocalc_jupyter_ext.conat.commands.conat_server"]
OURS += ["--port", "0", "--no-persist"]
PEER = ["node", str(FOLDER / "peer.mjs")]


@dataclass(frozen=True)
class Measure:
    """One number, how to get it, and what its ratio to the peer's should be."""

    title: str
    driver: str
    amount: int
    unit: str
    target: float
    higher_is_better: bool = True

    def is_met(self, ratio: float) -> bool:
        """Tell whether the ratio is as good as it should be."""
        return ratio >= self.target if self.higher_is_better else ratio <= self.target


MEASURES = [
    Measure("request and reply, one at a time (p50)", "latency", 3_000, "ms", 1.1, False),
    Measure("request and reply, 100 at a time", "inFlight", 20_000, "/s", 0.8),
    Measure("publish to 1 subscriber", "fanOut1", 20_000, "/s", 0.8),
    Measure("publish to 10 subscribers, deliveries", "fanOut10", 8_000, "/s", 1.5),
    Measure("publish to 100 subscribers, deliveries", "fanOut100", 1_500, "/s", 2.0),
    Measure("echo of 1 MB", "echo", 100, "/s", 0.8),
    Measure("a message of 50 MB, in chunks", "chunked", 50, "ms", 1.2, False),
]


@contextmanager
def running(command: list[str]) -> Iterator[tuple[int, int]]:
    """Give the port and the process id of a server, which says them as one line of JSON."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            said = json.loads(server.stdout.readline())
            yield said["port"], said["pid"]
        finally:
            server.terminate()


def driver(port: int, measure: str, amount: int) -> list[str]:
    return ["node", str(FOLDER / "driver.mjs"), str(port), measure, str(amount)]


def drive(port: int, measure: Measure) -> float:
    command = driver(port, measure.driver, measure.amount)
    finished = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, timeout=ROUND_TIMEOUT_S
    )
    return float(finished.stdout)


def compare(measure: Measure) -> None:
    with running(OURS) as (ours_port, _), running(PEER) as (peer_port, _):
        rounds = [(drive(ours_port, measure), drive(peer_port, measure)) for _ in range(ROUNDS)]
    ours, peer = (statistics.median(values) for values in zip(*rounds, strict=True))
    ratio = statistics.median(ours / peer for ours, peer in rounds)
    sign = "≥" if measure.higher_is_better else "≤"
    target = f"{sign} {measure.target}"
    numbers = row(ours, peer, measure.unit, ratio)
    report(measure.title, numbers, target, is_met=measure.is_met(ratio))


def report(title: str, numbers: str, target: str, *, is_met: bool) -> None:
    print(f"{title:40} {numbers}   {target:8} {'met' if is_met else 'MISSED'}", flush=True)


def row(ours: float, peer: float, unit: str, ratio: float) -> str:
    return f"{ours:12,.2f} {peer:12,.2f} {unit:3} {ratio:7.2f} x"


def memory_kb(command: list[str]) -> float:
    """Return what one idle connection adds to the memory of a server."""
    with running(command) as (port, pid):
        process = psutil.Process(pid)
        before = process.memory_info().rss
        clients = driver(port, "idle", CONNECTIONS)
        with subprocess.Popen(clients, stdout=subprocess.PIPE, text=True) as held:
            assert held.stdout is not None
            held.stdout.readline()
            used = process.memory_info().rss - before
            held.terminate()
    return used / CONNECTIONS / 1_000


def compare_memory() -> None:
    ours, peer = memory_kb(OURS), memory_kb(PEER)
    title = f"{CONNECTIONS:,} idle connections, memory of each"
    numbers = row(ours, peer, "kB", ours / peer)
    report(title, numbers, f"≤ {MAX_KB} kB", is_met=ours <= MAX_KB)


def main(wanted: list[str]) -> None:
    print(f"{'':40} {'ours':>12} {'peer':>12} {'':3} {'ratio':>7}     target")
    for measure in MEASURES:
        if not wanted or measure.driver in wanted:
            compare(measure)
    if not wanted or "idle" in wanted:
        compare_memory()


if __name__ == "__main__":
    main(sys.argv[1:])
