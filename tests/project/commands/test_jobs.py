"""hub-project-api §3.3, asynchronous results."""

import asyncio
from collections.abc import Callable

import pytest

from cocalc_jupyter_ext.project.commands import jobs as module
from cocalc_jupyter_ext.project.commands.jobs import Jobs, JobSettings, job_settings
from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.processes import Finished


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def jobs_of(clock: Callable[[], float], **settings: float) -> Jobs:
    return Jobs(JobSettings(**settings), clock)  # type: ignore[arg-type]


def test_the_first_record_says_that_it_runs(clock: Clock) -> None:
    job = jobs_of(clock).make()
    job.pid = 7

    assert job.first_record() == {
        "type": "async",
        "job_id": job.job_id,
        "status": "running",
        "start": 1_000_000,
        "stdout": "",
        "stderr": "",
        "exit_code": 0,
        "pid": 7,
    }


def test_what_could_not_be_started_has_no_process(clock: Clock) -> None:
    jobs = jobs_of(clock)
    job = jobs.make()
    clock.now += 2.5
    jobs.end(job, Finished("", "cannot start", 1), failed=True)

    assert job.first_record()["status"] == "running"
    assert "pid" not in job.first_record()
    told = jobs.get(job.job_id).record(with_stats=True)
    assert (told["status"], told["stderr"], told["exit_code"]) == ("error", "cannot start", 1)
    assert told["elapsed_s"] == 2.5
    assert told["stats"] == []


def test_a_nonzero_code_that_is_no_failure_is_completed(clock: Clock) -> None:
    jobs = jobs_of(clock)
    job = jobs.make()
    jobs.end(job, Finished("out", "", 3), failed=False)

    told = job.record(with_stats=False)
    assert (told["status"], told["exit_code"], told["stdout"]) == ("completed", 3, "out")
    assert "stats" not in told


def test_a_record_is_kept_for_a_while_after_it_was_last_asked_for(clock: Clock) -> None:
    jobs = jobs_of(clock, keep_s=10)
    job = jobs.make()
    jobs.end(job, Finished("", "", 0), failed=False)
    clock.now += 9
    jobs.get(job.job_id)
    clock.now += 9
    assert jobs.get(job.job_id) is job

    clock.now += 11
    with pytest.raises(ApiError, match="there is no job"):
        jobs.get(job.job_id)


def test_a_running_job_is_never_forgotten(clock: Clock) -> None:
    jobs = jobs_of(clock, keep_s=10)
    job = jobs.make()
    clock.now += 1_000

    assert jobs.get(job.job_id) is job


def test_the_record_that_was_asked_for_longest_ago_makes_place(clock: Clock) -> None:
    jobs = jobs_of(clock, max_jobs=2)
    first, second = jobs.make(), jobs.make()
    for job in (first, second):
        jobs.end(job, Finished("", "", 0), failed=False)
    jobs.get(first.job_id)

    third = jobs.make()

    assert jobs.get(first.job_id) is first
    with pytest.raises(ApiError):
        jobs.get(second.job_id)
    first.ended.clear()  # as if it ran
    with pytest.raises(ApiError, match="at most 2 jobs can run at once"):
        jobs.make()
    assert jobs.get(third.job_id) is third


def test_large_outputs_of_ended_jobs_make_place_for_newer_ones(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 10)
    jobs = jobs_of(clock)
    first, second, third = jobs.make(), jobs.make(), jobs.make()

    jobs.end(first, Finished("x" * 6, "", 0), failed=False)
    jobs.end(second, Finished("", "y" * 6, 0), failed=False)
    jobs.end(third, Finished("z" * 20, "", 0), failed=False)

    for gone in (first, second):
        with pytest.raises(ApiError):
            jobs.get(gone.job_id)
    assert jobs.get(third.job_id).stdout == "z" * 20


async def test_only_the_newest_measurements_are_kept(clock: Clock) -> None:
    jobs = jobs_of(clock, max_samples=2, sample_s=0.001)
    job = jobs.make()
    heard: list[float] = []
    enough = asyncio.Event()

    def note(sample: dict[str, float]) -> None:
        heard.append(sample["timestamp"])
        clock.now += 1
        if len(heard) == 3:
            enough.set()

    job.on_sample = note
    measuring = asyncio.create_task(jobs.measure(job, 1))
    async with asyncio.timeout(60):
        await enough.wait()
    jobs.end(job, Finished("", "", 0), failed=False)
    async with asyncio.timeout(60):
        await measuring

    assert heard[:3] == [1_000_000, 1_001_000, 1_002_000]
    assert len(job.record(with_stats=True)["stats"]) == 2


def test_the_settings_are_environment_variables() -> None:
    environ = {
        "COCALC_PROJECT_ASYNC_EXEC_CACHE_MAX": "5",
        "COCALC_PROJECT_ASYNC_EXEC_TTL_S": "7",
        "COCALC_PROJECT_ASYNC_EXEC_MONITOR_INTERVAL_S": "-1",
        "COCALC_PROJECT_ASYNC_EXEC_MONITOR_STATS_LENGTH_MAX": "",
    }

    assert job_settings({}) == JobSettings()
    assert job_settings(environ) == JobSettings(max_jobs=5, keep_s=7)
