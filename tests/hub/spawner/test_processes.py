import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from cocalc_hub_ext.spawner.processes import (
    end_processes,
    find_processes,
    is_running,
    started_at,
)

Start = Callable[..., "subprocess.Popen[bytes]"]
READY = "import sys, time; print('ready', flush=True); "


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python code in a session of its own and wait until it runs."""
    started: list[subprocess.Popen[bytes]] = []

    def run(code: str, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", READY + code],
            env={"PATH": os.environ["PATH"], **environment},
            start_new_session=True,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def marked(user: str, server: str = "") -> dict[str, str]:
    return {"JUPYTERHUB_USER": user, "JUPYTERHUB_SERVER_NAME": server}


SLEEP = "time.sleep(60)"
STUBBORN = (
    "import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 15)]; "
    "print('set', flush=True); time.sleep(60)"
)


def test_a_servers_processes_are_found_wherever_they_went(start: Start) -> None:
    own = start(SLEEP, **marked("p1"))
    start(SLEEP, **marked("p2"))
    start(SLEEP, **marked("p1", "c1"))

    assert {process.pid for process in find_processes("p1", "")} == {own.pid}


def test_descendants_are_found_without_their_marks(start: Start) -> None:
    parent = start(
        "import subprocess; child = subprocess.Popen([sys.executable, '-c', 'import time; "
        "time.sleep(60)'], env={}); print(child.pid, flush=True); time.sleep(60)",
        **marked("p1"),
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    found = find_processes("p1", "", parent.pid)
    assert {process.pid for process in found} == {parent.pid, child}
    end_processes(found, 5)


def test_a_process_that_obeys_is_not_killed(start: Start) -> None:
    process = start(SLEEP, **marked("p1"))

    assert end_processes([psutil.Process(process.pid)], patience_s=5) == 0
    assert process.wait(5) < 0


def test_a_process_that_does_not_obey_is_killed(start: Start) -> None:
    process = start(STUBBORN, **marked("p1"))
    assert process.stdout is not None
    assert process.stdout.readline() == b"set\n"

    assert end_processes([psutil.Process(process.pid)], patience_s=0.1) == 1
    assert process.wait(5) == -9


def test_processes_that_are_gone_already_are_no_error(start: Start) -> None:
    process = start(SLEEP)
    gone = psutil.Process(process.pid)
    process.kill()
    process.wait()

    assert end_processes([gone], patience_s=1) == 0
    assert started_at(process.pid) == 0.0
    assert find_processes("p1", "", process.pid) == set()


def test_a_process_is_known_by_its_id_and_its_start(start: Start) -> None:
    process = start(SLEEP)
    when = started_at(process.pid)

    assert is_running(process.pid, when)
    assert is_running(process.pid, 0.0)
    assert not is_running(process.pid, when - 3600)


def test_a_zombie_does_not_run(start: Start) -> None:
    process = start(SLEEP)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert not is_running(process.pid, 0.0)
