"""What is wrong in a project, and how much it uses (pure; hub-project-api §4.13).

A disk is reported below 100 MiB, memory and CPU above 90 per cent; all of them only when it has
been so for a minute.
"""

from collections.abc import Hashable, Mapping
from typing import Any, Final, TypeAlias

__all__ = ["ALERT_AFTER_S", "Alert", "StatusWatch", "usage_of"]

Alert: TypeAlias = dict[str, Any]

ALERT_AFTER_S: Final = 60.0
MIN_DISK_MIB: Final = 100.0
HIGH_PERCENT: Final = 90.0


class StatusWatch:
    """Remembers since when something is wrong; ``machine_mib`` and ``cores`` are the machine's."""

    def __init__(self, version: int, machine_mib: float, cores: int) -> None:
        self._version = version
        self._machine_mib = machine_mib
        self._cores = cores
        self._since: dict[Hashable, float] = {}

    def status(self, info: Mapping[str, Any], now: float) -> dict[str, Any]:
        """Return ``{version, alerts, usage}`` for what was seen at a time in seconds."""
        usage = usage_of(info, self._machine_mib, self._cores)
        wrong = _wrong(info, usage)
        self._since = {each: self._since.get(each, now) for each in wrong}
        lasting = [each for each, since in self._since.items() if now - since >= ALERT_AFTER_S]
        return {"version": self._version, "alerts": _alerts(lasting), "usage": usage}

    def forget(self) -> None:
        """Forget what was wrong, because nobody has looked for a while."""
        self._since.clear()


def usage_of(info: Mapping[str, Any], machine_mib: float, cores: int) -> dict[str, float]:
    """Return ``{disk_mb, mem_pct, mem_tot, mem_rss, cpu_pct, cpu_tot}``.

    Memory and disk are in MiB, per cent are of what the project may use, ``cpu_tot`` is in
    seconds. Without a container it is the sum of the processes, on the whole machine.
    """
    disk, cgroup = info["disk_usage"], info.get("cgroup")
    processes = info["processes"].values()
    if cgroup is None:
        memory_mib = sum(each["stat"]["mem"]["rss"] for each in processes)
        limit_mib, available_cores = machine_mib, float(cores)
        busy_cores = sum(each["cpu"]["pct"] for each in processes) / 100
        cpu_s = sum(each["cpu"]["secs"] for each in processes)
    else:
        memory_mib = cgroup["mem_stat"]["total_rss"]
        limit_mib = cgroup["mem_stat"]["hierarchical_memory_limit"]
        limit = cgroup["cpu_cores_limit"]
        available_cores = limit if limit > 0 else float(cores)
        busy_cores, cpu_s = cgroup["cpu_usage_rate"], cgroup["cpu_usage"]
    memory_mib += disk["tmp"]["usage"]
    return {
        "disk_mb": round(disk["project"]["usage"]),
        "mem_pct": round(min(100.0, 100 * memory_mib / limit_mib), 1) if limit_mib else 0.0,
        "mem_tot": round(limit_mib),
        "mem_rss": round(memory_mib),
        "cpu_pct": round(min(100.0, 100 * busy_cores / available_cores), 1),
        "cpu_tot": round(cpu_s),
    }


def _wrong(info: Mapping[str, Any], usage: Mapping[str, float]) -> list[Hashable]:
    """Return what is wrong now: names of alerts, and numbers of processes."""
    found: list[Hashable] = []
    disk = info["disk_usage"]["project"]
    if disk["total"] and disk["available"] < MIN_DISK_MIB:
        found.append("disk")
    if usage["mem_pct"] > HIGH_PERCENT:
        found.append("memory")
    if usage["cpu_pct"] > HIGH_PERCENT:
        found.append("cpu-cgroup")
    processes = info["processes"].items()
    return [*found, *(int(pid) for pid, each in processes if each["cpu"]["pct"] > HIGH_PERCENT)]


def _alerts(lasting: list[Hashable]) -> list[Alert]:
    alerts: list[Alert] = [{"type": each} for each in lasting if isinstance(each, str)]
    pids = sorted(each for each in lasting if isinstance(each, int))
    return [*alerts, {"type": "cpu-process", "pids": pids}] if pids else alerts
