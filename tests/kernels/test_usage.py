"""What kernels use (syncdoc-jupyter §4.10)."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from cocalc_jupyter_ext.kernels.usage import (
    KernelUsage,
    UsageMeter,
    available_memory_bytes,
    cpu_limit_percent,
    is_relevant,
    memory_limit_bytes,
)

BUSY = "import time\nblock = bytearray(50_000_000)\nwhile True: pass"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {BUSY!r}])
print(child.pid, flush=True)
try: sys.stdin.read()
finally: child.kill()
"""
BASE = KernelUsage(0, 50, 0, 100, 0, 1000, 400, 500)


@pytest.fixture
def parent():
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    yield process
    process.communicate()


def test_a_process_and_its_descendants_are_measured_apart(parent) -> None:
    now = [1000.0]
    meter = UsageMeter(lambda: now[0])
    first = meter.look(parent.pid)
    for _ in range(1000):
        now[0] += 0.01
        second = meter.look(parent.pid)
        if second.cpu_chld > 0 and second.mem_chld > 50:
            break

    assert (first.cpu, first.cpu_chld) == (0, 0)
    assert second.cpu_chld > second.cpu
    assert second.mem_chld > 50 > second.mem > 1
    assert second.time == round(now[0] * 1000)
    assert second.cpu_limit == cpu_limit_percent()
    assert 0 < second.mem_free <= second.mem_limit


async def test_a_process_that_is_gone_has_no_usage() -> None:
    process = subprocess.Popen(["true"])
    process.wait()

    assert UsageMeter().look(process.pid) is None
    assert await UsageMeter().measure(process.pid) is None


async def test_only_what_differs_is_told(monkeypatch) -> None:
    meter = UsageMeter()
    found = [BASE, replace(BASE, time=1), replace(BASE, time=2, cpu=60)]
    monkeypatch.setattr(meter, "look", lambda _pid: found.pop(0))

    assert [await meter.measure(1) for _ in range(3)] == [BASE, None, replace(BASE, time=2, cpu=60)]


@pytest.mark.parametrize(
    ("change", "relevant"),
    [({}, False), ({"mem": 104}, False), ({"mem": 106}, True), ({"cpu": 53}, True)],
)
def test_a_change_of_more_than_5_per_cent_is_relevant(change, relevant) -> None:
    assert is_relevant(BASE, replace(BASE, **change)) is relevant
    assert is_relevant(None, BASE)


def test_the_wire_has_the_fields_of_the_contract() -> None:
    assert list(BASE.to_wire()) == [
        *("time", "cpu", "cpu_chld", "mem", "mem_chld", "mem_limit", "cpu_limit", "mem_free")
    ]


def test_memory_is_that_of_the_container_where_there_is_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("cocalc_jupyter_ext.kernels.usage._CGROUP", tmp_path)
    machine = memory_limit_bytes()
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_limit_bytes() == machine

    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert memory_limit_bytes() == 1_000_000
    assert available_memory_bytes() == 600_000


@pytest.mark.parametrize(
    ("text", "share"), [("50000 100000", 50), ("max 100000", None), ("", None)]
)
def test_processor_time_is_that_of_the_container_where_there_is_one(
    tmp_path, monkeypatch, text, share
) -> None:
    monkeypatch.setattr("cocalc_jupyter_ext.kernels.usage._CGROUP", tmp_path)
    (tmp_path / "cpu.max").write_text(text)

    assert cpu_limit_percent() == (share or 100 * len(os.sched_getaffinity(0)))
