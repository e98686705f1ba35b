"""The processes of the account that a project runs as (hub-project-api §4.13, ``Process``).

It blocks: call it in worker threads, one at a time.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

import psutil

__all__ = ["MAX_COMMAND_CHARS", "ProcessTable"]

MAX_COMMAND_CHARS: Final = 4_000
"""Of the arguments of one process; the others are left out."""
_MIB: Final = 2**20
_OTHER_STATE: Final = "S"
_STATES: Final[Mapping[str, str]] = {
    psutil.STATUS_RUNNING: "R",
    psutil.STATUS_SLEEPING: "S",
    psutil.STATUS_DISK_SLEEP: "D",
    psutil.STATUS_ZOMBIE: "Z",
    psutil.STATUS_STOPPED: "T",
    psutil.STATUS_TRACING_STOP: "T",
    psutil.STATUS_WAKING: "W",
}


class ProcessTable:
    """Looks at the processes again and again; the CPU in per cent is that since the last look."""

    def __init__(self, max_processes: int) -> None:
        self._max_processes = max_processes
        self._seen: dict[tuple[int, float], float] = {}
        self._seen_at: float | None = None

    def look(self, now: float) -> dict[int, dict[str, Any]]:
        """Return the processes by their numbers; ``now`` is in seconds since 1970.

        Those that this one has started come first, if there are more than may be told.
        """
        booted = psutil.boot_time()
        elapsed_s = None if self._seen_at is None else now - self._seen_at
        found: dict[int, dict[str, Any]] = {}
        seen: dict[tuple[int, float], float] = {}
        for process in self._ours():
            if len(found) >= self._max_processes:
                break
            try:
                entry, identity = _entry(process, now, booted)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue  # it has just ended, or became somebody else's
            seen[identity] = secs = entry["cpu"]["secs"]
            if elapsed_s and elapsed_s > 0:
                used_s = max(0.0, secs - self._seen.get(identity, 0.0))
                entry["cpu"]["pct"] = round(100 * used_s / elapsed_s, 1)
            found[process.pid] = entry
        self._seen, self._seen_at = seen, now
        return found

    @staticmethod
    def _ours() -> Iterator[psutil.Process]:
        """Yield this process, what it has started, and then the others of the same account."""
        own = psutil.Process()
        tree = [own, *own.children(recursive=True)]
        yield from tree
        known = {each.pid for each in tree}
        for process in psutil.process_iter():
            try:
                if process.pid not in known and process.uids().real == os.getuid():
                    yield process
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue


def _entry(
    process: psutil.Process, now: float, booted: float
) -> tuple[dict[str, Any], tuple[int, float]]:
    with process.oneshot():
        started, times = process.create_time(), process.cpu_times()
        entry: dict[str, Any] = {
            "pid": process.pid,
            "ppid": process.ppid(),
            "exe": _exe(process),
            "cmdline": _command(process),
            "stat": {
                "ppid": process.ppid(),
                "state": _STATES.get(process.status(), _OTHER_STATE),
                "utime": times.user,
                "stime": times.system,
                "cutime": times.children_user,
                "cstime": times.children_system,
                "starttime": round(started - booted, 2),
                "nice": process.nice(),
                "num_threads": process.num_threads(),
                "mem": {"rss": round(process.memory_info().rss / _MIB, 3)},
            },
            "cpu": {"pct": 0.0, "secs": round(times.user + times.system, 3)},
            "uptime": round(max(0.0, now - started), 3),
        }
    return entry, (process.pid, started)


def _exe(process: psutil.Process) -> str:
    try:
        return process.exe()
    except (psutil.AccessDenied, psutil.ZombieProcess):
        return ""


def _command(process: psutil.Process) -> list[str]:
    try:
        return _shortened(process.cmdline())
    except (psutil.AccessDenied, psutil.ZombieProcess):
        return []


def _shortened(arguments: list[str]) -> list[str]:
    kept: list[str] = []
    left = MAX_COMMAND_CHARS
    for argument in arguments:
        if left <= 0:
            break
        kept.append(argument[:left])
        left -= max(len(argument), 1)
    return kept
