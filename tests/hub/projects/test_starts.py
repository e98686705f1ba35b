"""A start goes on by itself, once per project, and its latest step can be seen."""

import asyncio
import logging

import pytest

from cocalc_hub_ext.ids import ProjectId
from cocalc_hub_ext.projects.lifecycle import Progress
from cocalc_hub_ext.projects.starts import Report, Starts

PROJECT = ProjectId("p")


async def test_the_latest_step_is_seen_until_the_start_ends() -> None:
    starts, go, reported = Starts(), asyncio.Event(), asyncio.Event()

    async def run(report: Report) -> None:
        report(Progress(40, "Half way"))
        reported.set()
        await go.wait()

    starts.follow(PROJECT, run)
    assert starts.progress_of(PROJECT) == Progress(0, "Starting")
    await reported.wait()
    assert starts.progress_of(PROJECT) == Progress(40, "Half way")
    go.set()
    await starts.wait(PROJECT)
    assert starts.progress_of(PROJECT) is None


async def test_a_project_is_started_once_at_a_time() -> None:
    starts, runs = Starts(), []

    async def run(_report: Report) -> None:
        runs.append(1)
        await asyncio.Event().wait()

    starts.follow(PROJECT, run)
    starts.follow(PROJECT, run)
    await asyncio.sleep(0)

    assert runs == [1]
    await starts.close()


async def test_closing_ends_what_is_in_progress_and_may_be_done_twice() -> None:
    starts = Starts()
    starts.follow(PROJECT, lambda _report: asyncio.Event().wait())  # type: ignore[arg-type, return-value]

    await starts.close()
    await starts.close()

    assert starts.progress_of(PROJECT) is None


async def test_an_unexpected_error_is_logged_and_the_project_can_be_started_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    starts = Starts()

    async def run(_report: Report) -> None:
        raise LookupError("unexpected")

    with caplog.at_level(logging.ERROR):
        starts.follow(PROJECT, run)
        await starts.wait(PROJECT)

    assert "unexpected" in caplog.text
    assert starts.progress_of(PROJECT) is None
