"""The processes of one project's server, found by their environment and ended for good.

Kernels and terminals lead sessions of their own, so ending the server's process group would leave
them behind when the server has no time to end them itself. Every descendant inherits
``JUPYTERHUB_USER`` and ``JUPYTERHUB_SERVER_NAME``; whoever carries both belongs to the server, even
when its parent is gone. Descendants that changed their environment are found through their parents.
"""

import os
import signal
import time
from collections.abc import Collection

import psutil

__all__ = ["end_processes", "find_processes", "is_running", "started_at"]

_MARKS = ("JUPYTERHUB_USER", "JUPYTERHUB_SERVER_NAME")


def started_at(pid: int) -> float:
    """Return when process ``pid`` started (seconds since the epoch), 0.0 when it is gone.

    A process id is used again after a while; together with its start it never is.
    """
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def is_running(pid: int, started: float) -> bool:
    """Return whether process ``pid`` that started at ``started`` still runs; a zombie does not."""
    try:
        process = psutil.Process(pid)
        same = started == 0.0 or abs(process.create_time() - started) < 1.0
    except psutil.Error:
        return False
    return same and _runs(process)


def find_processes(user: str, server_name: str, pid: int = 0) -> set[psutil.Process]:
    """Return all processes that belong to the server of ``user``.

    Those are the marked ones and the descendants of ``pid``, itself included.
    """
    wanted = (user, server_name)
    own = os.getpid()
    marked = {
        process
        for process in psutil.process_iter()
        if process.pid != own and _marks(process) == wanted
    }
    return marked | (_family(pid) if pid else set())


def end_processes(processes: Collection[psutil.Process], patience_s: float) -> int:
    """Ask ``processes`` to end, kill those left after ``patience_s``, return how many were killed.

    Blocks for at most ``patience_s`` and a moment more; call it in a thread.
    """
    for process in processes:
        _signal(process, signal.SIGTERM)
        _signal(process, signal.SIGHUP)  # interactive shells ignore SIGTERM
    stubborn = _wait_for_end(processes, patience_s)
    for process in stubborn:
        _signal(process, signal.SIGKILL)
    _wait_for_end(stubborn, 2.0)
    return len(stubborn)


def _wait_for_end(processes: Collection[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Return those that still run after ``timeout_s``, or none as soon as all have ended.

    psutil's own wait would take a child's exit code away from whoever started it.
    """
    deadline = time.monotonic() + timeout_s
    while (alive := [each for each in processes if _runs(each)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _family(pid: int) -> set[psutil.Process]:
    try:
        head = psutil.Process(pid)
        return {head, *head.children(recursive=True)}
    except psutil.Error:
        return set()


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _marks(process: psutil.Process) -> tuple[str | None, ...]:
    try:
        variables = process.environ()
    except (psutil.Error, OSError):
        return ()
    return tuple(variables.get(mark) for mark in _MARKS)


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
