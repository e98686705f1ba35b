"""What the container of a project uses, and its limits (hub-project-api §4.13, ``cgroup``).

Linux tells it in files, in two versions of the interface; values of the second one get the names
of the first. It blocks: call it in worker threads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["CGROUP", "Container", "look_at_container"]

CGROUP: Final = Path("/sys/fs/cgroup")
UNLIMITED_CORES: Final = -1.0
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Container:
    """Memory in MiB, by the names of cgroup v1; CPU time in seconds; -1 cores: no limit."""

    memory: dict[str, float]
    cpu_s: float
    oom_kills: int
    cores: float

    @property
    def limit_mib(self) -> float:
        """The most memory that the container may use."""
        return self.memory["hierarchical_memory_limit"]

    def to_wire(self, cpu_usage_rate: float) -> dict[str, Any]:
        """Return it as clients read it; the rate is in cores."""
        return {
            "mem_stat": self.memory,
            "cpu_usage": round(self.cpu_s, 3),
            "cpu_usage_rate": round(cpu_usage_rate, 4),
            "oom_kills": self.oom_kills,
            "cpu_cores_limit": self.cores,
        }


def look_at_container(machine_bytes: int, root: Path = CGROUP) -> Container | None:
    """Return what the files say; None where there is no container.

    A limit of memory above that of the machine is that of the machine.
    """
    try:
        if (root / "memory.max").exists():
            return _second_version(root, machine_bytes)
        if (root / "memory" / "memory.stat").exists():
            return _first_version(root, machine_bytes)
    except (OSError, ValueError, KeyError):
        return None  # made by something that is no Linux, or lacks a part
    return None


def _second_version(root: Path, machine_bytes: int) -> Container:
    memory = _table(root / "memory.stat")
    limit = (root / "memory.max").read_text().strip()
    quota, _, period = (root / "cpu.max").read_text().strip().partition(" ")
    names = {"total_rss": "anon", "total_cache": "file", "total_mapped_file": "file_mapped"}
    return Container(
        memory=_in_mib(
            {name: memory.get(second, 0) for name, second in names.items()},
            machine_bytes if limit == "max" else int(limit),
            machine_bytes,
        ),
        cpu_s=_table(root / "cpu.stat")["usage_usec"] / 1e6,
        oom_kills=_table(root / "memory.events").get("oom_kill", 0),
        cores=UNLIMITED_CORES if quota == "max" else int(quota) / int(period or 100_000),
    )


def _first_version(root: Path, machine_bytes: int) -> Container:
    memory = _table(root / "memory" / "memory.stat")
    limit = memory.pop("hierarchical_memory_limit")
    names = ("total_rss", "total_cache", "total_mapped_file")
    quota = int((root / "cpu" / "cpu.cfs_quota_us").read_text())
    period = int((root / "cpu" / "cpu.cfs_period_us").read_text())
    return Container(
        memory=_in_mib({name: memory.get(name, 0) for name in names}, limit, machine_bytes),
        cpu_s=int((root / "cpuacct" / "cpuacct.usage").read_text()) / 1e9,
        oom_kills=_table(root / "memory" / "memory.oom_control").get("oom_kill", 0),
        cores=UNLIMITED_CORES if quota < 0 else quota / period,
    )


def _in_mib(used: dict[str, int], limit_bytes: int, machine_bytes: int) -> dict[str, float]:
    limit = {"hierarchical_memory_limit": min(limit_bytes, machine_bytes)}
    return {name: round(size / _MIB, 3) for name, size in (used | limit).items()}


def _table(file: Path) -> dict[str, int]:
    """Return a file of lines with a name and a number."""
    rows = (line.split() for line in file.read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
