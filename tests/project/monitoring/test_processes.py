"""The processes of a project (hub-project-api §4.13, ``Process``)."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from cocalc_jupyter_ext.project.monitoring.processes import MAX_COMMAND_CHARS, ProcessTable

BUSY = "print('ready', flush=True)\nwhile True: pass"


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", BUSY, "x" * 10_000]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.communicate()


def test_a_process_is_told_as_clients_read_it(busy: subprocess.Popen[bytes]) -> None:
    entry = ProcessTable(1000).look(time.time())[busy.pid]

    assert set(entry) == {"pid", "ppid", "exe", "cmdline", "stat", "cpu", "uptime"}
    assert (entry["pid"], entry["ppid"]) == (busy.pid, os.getpid())
    assert entry["cmdline"][1:3] == ["-c", BUSY]
    assert sum(map(len, entry["cmdline"])) == MAX_COMMAND_CHARS
    assert set(entry["stat"]) == {
        *("ppid", "state", "utime", "stime", "cutime", "cstime", "starttime", "nice"),
        *("num_threads", "mem"),
    }
    assert entry["stat"]["state"] in set("RSDZTW")
    assert entry["stat"]["mem"]["rss"] > 1
    assert entry["cpu"]["pct"] == 0


def test_cpu_is_that_since_the_last_look(busy: subprocess.Popen[bytes]) -> None:
    table, started = ProcessTable(1000), time.time()
    before = table.look(started)[busy.pid]["cpu"]["secs"]
    secs = before
    while secs < before + 0.05:
        found = ProcessTable(1000).look(time.time())
        secs = found[busy.pid]["cpu"]["secs"]
    cpu = table.look(started + 1)[busy.pid]["cpu"]

    assert cpu["pct"] == pytest.approx(100 * (cpu["secs"] - before), abs=0.2)
    assert cpu["pct"] >= 5


def test_of_too_many_the_own_ones_are_told(busy: subprocess.Popen[bytes]) -> None:
    assert list(ProcessTable(1).look(time.time())) == [os.getpid()]


def test_a_process_that_has_ended_and_was_not_waited_for_is_told_as_such() -> None:
    process = subprocess.Popen(["true"])
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        entry = ProcessTable(1000).look(time.time())[process.pid]
    finally:
        process.wait()

    assert (entry["stat"]["state"], entry["cmdline"], entry["exe"]) == ("Z", [], "")
