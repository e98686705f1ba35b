"""What a kernel and the programs that it started use (syncdoc-jupyter §4.10).

Processor time is in per cent of one core, memory in MB; ``_chld`` is the sum over descendants.
Limits are those of the container, or the machine's.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil

__all__ = [
    "INTERVAL_S",
    "MIN_FREE_BYTES",
    "KernelUsage",
    "UsageMeter",
    "available_memory_bytes",
    "cpu_limit_percent",
    "is_relevant",
    "memory_limit_bytes",
]

INTERVAL_S: Final = 2.0
MIN_FREE_BYTES: Final = 500_000_000
"""With less free memory than this, no kernel is started before it is needed."""
_RELEVANT: Final = 0.05
_MB: Final = 1_000_000
_CGROUP: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class KernelUsage:
    """One measurement; ``time`` is in ms since 1970."""

    time: int
    cpu: float
    cpu_chld: float
    mem: float
    mem_chld: float
    mem_limit: float
    cpu_limit: float
    mem_free: float

    def to_wire(self) -> dict[str, Any]:
        """Return the fields as CoCalc clients read them."""
        return asdict(self)


def is_relevant(before: KernelUsage | None, now: KernelUsage) -> bool:
    """Return whether a number differs by more than 5 per cent, so that somebody should know."""
    if before is None:
        return True
    pairs = zip(_numbers(before), _numbers(now), strict=True)
    return any(abs(new - old) > _RELEVANT * max(abs(old), 1.0) for old, new in pairs)


class UsageMeter:
    """Measures the process tree of one kernel again and again.

    The share of processor time is that since the previous measurement, and 0 in the first.
    """

    interval_s = INTERVAL_S

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._seen: dict[tuple[int, float], float] = {}
        self._seen_at: float | None = None
        self._last: KernelUsage | None = None

    async def measure(self, pid: int) -> KernelUsage | None:
        """Return a measurement that differs from the previous one, or None.

        A process that is gone gives None too.
        """
        found = await asyncio.to_thread(self.look, pid)
        if found is None or not is_relevant(self._last, found):
            return None
        self._last = found
        return found

    def look(self, pid: int) -> KernelUsage | None:
        """Measure now; None if there is no such process. It blocks for some milliseconds."""
        now = self._clock()
        try:
            kernel = psutil.Process(pid)
            own = self._of(kernel)
            rest = [self._of(child) for child in kernel.children(recursive=True)]
        except psutil.NoSuchProcess:
            return None
        elapsed_s = None if self._seen_at is None else now - self._seen_at
        children = [each for each in rest if each is not None]
        seen = {each.identity: each.cpu_s for each in [own, *children] if each is not None}
        share = self._share(seen, elapsed_s)
        own_identity = own.identity if own is not None else (0, 0.0)
        usage = KernelUsage(
            time=round(now * 1000),
            cpu=round(share.pop(own_identity, 0.0), 1),
            cpu_chld=round(sum(share.values()), 1),
            mem=_mb(own.memory_bytes if own is not None else 0),
            mem_chld=_mb(sum(each.memory_bytes for each in children)),
            mem_limit=_mb(memory_limit_bytes()),
            cpu_limit=cpu_limit_percent(),
            mem_free=_mb(available_memory_bytes()),
        )
        self._seen, self._seen_at = seen, now
        return usage

    def _share(
        self, seen: dict[tuple[int, float], float], elapsed_s: float | None
    ) -> dict[tuple[int, float], float]:
        if not elapsed_s or elapsed_s <= 0:
            return dict.fromkeys(seen, 0.0)
        return {
            identity: max(0.0, cpu_s - self._seen.get(identity, 0.0)) / elapsed_s * 100
            for identity, cpu_s in seen.items()
        }

    @staticmethod
    def _of(process: psutil.Process) -> "_Process | None":
        try:
            with process.oneshot():
                times = process.cpu_times()
                return _Process(
                    (process.pid, process.create_time()),
                    times.user + times.system,
                    process.memory_info().rss,
                )
        except psutil.NoSuchProcess:
            return None


@dataclass(frozen=True, slots=True)
class _Process:
    identity: tuple[int, float]
    cpu_s: float
    memory_bytes: int


def memory_limit_bytes() -> int:
    """Return the memory of the container, or of the machine."""
    machine = int(psutil.virtual_memory().total)
    limit = _cgroup_number("memory.max")
    return machine if limit is None else min(limit, machine)


def available_memory_bytes() -> int:
    """Return how much more memory can be used before something is ended for lack of it."""
    machine = int(psutil.virtual_memory().available)
    limit, used = _cgroup_number("memory.max"), _cgroup_number("memory.current")
    if limit is None or used is None:
        return machine
    return min(machine, max(0, limit - used))


def cpu_limit_percent() -> float:
    """Return how much processor time there is, in per cent of one core."""
    cores = os.sched_getaffinity(0) if sys.platform == "linux" else range(os.cpu_count() or 1)
    words = _cgroup_text("cpu.max").split()
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return 100.0 * len(cores)
    return min(100.0 * len(cores), 100.0 * int(words[0]) / int(words[1]))


def _cgroup_number(name: str) -> int | None:
    """Return a number of this container, or None if there is no limit or no container."""
    text = _cgroup_text(name)
    return int(text) if text.isdigit() else None


def _cgroup_text(name: str) -> str:
    try:
        return (_CGROUP / name).read_text().strip()
    except OSError:
        return ""


def _numbers(usage: KernelUsage) -> list[float]:
    return [usage.cpu, usage.cpu_chld, usage.mem, usage.mem_chld]


def _mb(size_bytes: int) -> float:
    return round(size_bytes / _MB, 1)
