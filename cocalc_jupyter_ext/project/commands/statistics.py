"""What a program and all that it has started use of the machine (hub-project-api §3.3)."""

import psutil

__all__ = ["TreeMeter", "next_sample_s"]

_MIB = 2**20


def next_sample_s(elapsed_s: float, longest_s: float) -> float:
    """Return the seconds until the next look at a job: rarer, the longer it has been running."""
    return min(max(elapsed_s / 6, 1.0), longest_s)


class TreeMeter:
    """Measures one process tree again and again; it blocks: call it in worker threads."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._known: dict[int, psutil.Process] = {}

    def sample(self, timestamp_ms: int) -> dict[str, float]:
        """Return memory in MiB, CPU in percent since the last look, and CPU seconds in all."""
        rss = cpu_pct = cpu_secs = 0.0
        for process in self._tree():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    rss += process.memory_info().rss
                    cpu_pct += process.cpu_percent()
                    cpu_secs += times.user + times.system
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue  # it has just ended
        return {
            "timestamp": timestamp_ms,
            "mem_rss": round(rss / _MIB, 3),
            "cpu_pct": round(cpu_pct, 1),
            "cpu_secs": round(cpu_secs, 3),
        }

    def _tree(self) -> list[psutil.Process]:
        try:
            root = self._known.get(self._pid) or psutil.Process(self._pid)
            found = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        self._known = {each.pid: self._known.get(each.pid, each) for each in found}
        return list(self._known.values())
