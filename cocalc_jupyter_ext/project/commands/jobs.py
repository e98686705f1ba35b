"""Commands that go on after their call was answered (hub-project-api §3.3).

Records are kept for an hour after they were last asked for, and at most a hundred of them.
"""

import asyncio
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ...conat.services.worker_threads import in_thread
from ..dispatch import ApiError
from ..processes import Finished, Process
from .statistics import TreeMeter, next_sample_s

__all__ = ["Job", "JobSettings", "Jobs", "job_settings"]

_MAX_RECORDS: Final = 10_000
MAX_KEPT: Final = 100_000_000
"""Characters of output that all ended jobs together may have; the oldest go first."""


@dataclass(frozen=True, slots=True)
class JobSettings:
    """How many records are kept, and for how long; how often running jobs are measured."""

    max_jobs: int = 100
    keep_s: float = 3_600.0
    sample_s: float = 60.0
    max_samples: int = 100


def job_settings(environ: Mapping[str, str]) -> JobSettings:
    """Read the settings from the environment; what is not a number from 1 is not taken."""

    def number(name: str, default: int) -> int:
        text = environ.get(name, "")
        return min(int(text), _MAX_RECORDS) if text.isdecimal() and int(text) else default

    return JobSettings(
        max_jobs=number("COCALC_PROJECT_ASYNC_EXEC_CACHE_MAX", 100),
        keep_s=number("COCALC_PROJECT_ASYNC_EXEC_TTL_S", 3_600),
        sample_s=number("COCALC_PROJECT_ASYNC_EXEC_MONITOR_INTERVAL_S", 60),
        max_samples=number("COCALC_PROJECT_ASYNC_EXEC_MONITOR_STATS_LENGTH_MAX", 100),
    )


@dataclass(slots=True)
class Job:
    """One command: how far it is, and what it has said."""

    job_id: str
    start_ms: int
    samples: deque[dict[str, float]]
    status: str = "running"
    pid: int | None = None
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    elapsed_s: float | None = None
    process: Process | None = None
    spawned: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    on_sample: Callable[[dict[str, float]], None] = lambda _sample: None

    @property
    def size(self) -> int:
        """The characters of what an ended job has said."""
        return len(self.stdout) + len(self.stderr)

    def begin(self, process: Process) -> None:
        """Note that the command runs."""
        self.process, self.pid = process, process.pid
        self.spawned.set()

    def first_record(self) -> dict[str, Any]:
        """Return the answer to who starts the job: it runs, and has not said anything yet."""
        told = {"status": "running", "stdout": "", "stderr": "", "exit_code": 0}
        record = {**self.record(with_stats=False), **told}
        record.pop("elapsed_s", None)
        return record

    def record(self, *, with_stats: bool) -> dict[str, Any]:
        """Return what callers are told; of a running job its output until now."""
        process = self.process if self.status == "running" else None
        told: dict[str, Any] = {
            "type": "async",
            "job_id": self.job_id,
            "status": self.status,
            "start": self.start_ms,
            "stdout": process.so_far("stdout") if process else self.stdout,
            "stderr": process.so_far("stderr") if process else self.stderr,
            "exit_code": self.exit_code,
        }
        if self.pid is not None:
            told["pid"] = self.pid
        if self.elapsed_s is not None:
            told["elapsed_s"] = self.elapsed_s
        if with_stats:
            told["stats"] = list(self.samples)
        return told


class Jobs:
    """The jobs of one project; ``clock`` is the time of day in seconds."""

    def __init__(self, settings: JobSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._jobs: OrderedDict[str, tuple[Job, float]] = OrderedDict()

    def make(self) -> Job:
        """Make the record of a new job; raises ApiError while too many are running."""
        self._forget_old()
        now = self._clock()
        job = Job(uuid.uuid4().hex, round(now * 1000), deque(maxlen=self._settings.max_samples))
        while len(self._jobs) >= self._settings.max_jobs:
            ended = [job_id for job_id, (each, _) in self._jobs.items() if each.ended.is_set()]
            if not ended:
                raise ApiError(f"at most {self._settings.max_jobs} jobs can run at once; wait")
            del self._jobs[ended[0]]
        self._jobs[job.job_id] = (job, now)
        return job

    def get(self, job_id: str) -> Job:
        """Return a job; raises ApiError for one that is not known any more."""
        self._forget_old()
        if job_id not in self._jobs:
            raise ApiError(f"there is no job '{job_id[:100]}', or it ended too long ago")
        job, _ = self._jobs[job_id]
        self._jobs[job_id] = (job, self._clock())
        self._jobs.move_to_end(job_id)
        return job

    def end(self, job: Job, result: Finished, *, failed: bool) -> None:
        """Note how a job has ended."""
        job.status = "error" if failed else "completed"
        job.stdout, job.stderr, job.exit_code = result.stdout, result.stderr, result.exit_code
        job.elapsed_s = round(self._clock() - job.start_ms / 1000, 3)
        job.process = None
        job.ended.set()
        self._forget_large(job)

    async def measure(self, job: Job, pid: int) -> None:
        """Measure a job again and again until it has ended, or this is cancelled."""
        meter = TreeMeter(pid)
        began = self._clock()
        while not job.ended.is_set():
            pause_s = next_sample_s(self._clock() - began, self._settings.sample_s)
            await asyncio.sleep(pause_s)
            sample = await in_thread(meter.sample, round(self._clock() * 1000))
            job.samples.append(sample)
            job.on_sample(sample)

    def _forget_large(self, newest: Job) -> None:
        ended = [job for job, _ in self._jobs.values() if job.ended.is_set()]
        kept = sum(job.size for job in ended)
        for job in ended:
            if kept <= MAX_KEPT or job is newest:
                return
            kept -= job.size
            del self._jobs[job.job_id]

    def _forget_old(self) -> None:
        now = self._clock()
        for job_id, (job, used) in list(self._jobs.items()):
            if job.ended.is_set() and now - used > self._settings.keep_s:
                del self._jobs[job_id]
