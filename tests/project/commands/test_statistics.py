"""hub-project-api §3.3: what a job uses, summed over its process tree."""

import subprocess
import sys

import pytest

from cocalc_jupyter_ext.project.commands.statistics import TreeMeter, next_sample_s

PARENT = (
    "import subprocess, sys; "
    "child = subprocess.Popen([sys.executable, '-c', 'x = bytearray(60_000_000); "
    'print("ready", flush=True); input()\'], stdin=subprocess.PIPE); '
    "input()"
)


@pytest.mark.parametrize(
    ("elapsed_s", "pause_s"), [(0, 1), (3, 1), (12, 2), (359, 359 / 6), (10_000, 60)]
)
def test_looks_become_rarer(elapsed_s: float, pause_s: float) -> None:
    assert next_sample_s(elapsed_s, 60) == pytest.approx(pause_s)


def test_children_are_counted() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        sample = TreeMeter(process.pid).sample(7)
    finally:
        process.communicate(b"\n", timeout=20)

    assert sample["timestamp"] == 7
    assert sample["mem_rss"] > 60_000_000 / 2**20
    assert sample["cpu_secs"] > 0


def test_of_what_has_ended_there_is_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert TreeMeter(process.pid).sample(1) == {
        "timestamp": 1,
        "mem_rss": 0.0,
        "cpu_pct": 0.0,
        "cpu_secs": 0.0,
    }
