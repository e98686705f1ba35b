import asyncio

import pytest

from cocalc_jupyter_ext.kernels.errors import RunNotFoundError
from cocalc_jupyter_ext.kernels.runs import PendingInput, Runs


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def runs(clock):
    numbers = iter(range(1000))
    return Runs(new_id=lambda: f"r{next(numbers)}", now=clock, max_finished=3, max_age_s=60)


def finish(runs, run):
    for index in range(len(run.cells)):
        runs.set_cell(run.run_id, index, "ok")


def test_a_new_run_has_all_cells_queued(runs):
    assert runs.create(["a", "b"]).to_json() == {
        "run_id": "r0",
        "change": 1,
        "finished": False,
        "cells": [{"cell_id": "a", "state": "queued"}, {"cell_id": "b", "state": "queued"}],
        "input": None,
    }


def test_every_change_counts(runs):
    run = runs.create(["a"])
    runs.set_cell("r0", 0, "running")
    runs.set_input("r0", PendingInput("i", "Name: ", password=False))
    assert run.change == 3
    runs.set_input("r0", PendingInput("i", "Name: ", password=False))
    assert run.change == 3


def test_a_finished_run_tells_reason_and_payload(runs):
    run = runs.create(["a", "b"])
    runs.set_cell("r0", 0, "error", payload=({"source": "x"},))
    assert not run.finished
    runs.set_cell("r0", 1, "aborted", reason="because")
    assert run.finished
    assert runs.get("r0").to_json()["cells"] == [
        {"cell_id": "a", "state": "error", "payload": [{"source": "x"}]},
        {"cell_id": "b", "state": "aborted", "reason": "because"},
    ]


def test_a_question_is_part_of_the_run(runs):
    run = runs.create(["a"])
    runs.set_input("r0", PendingInput("i", "Key: ", password=True))
    assert run.to_json()["input"] == {"input_id": "i", "prompt": "Key: ", "password": True}
    runs.set_input("r0", None)
    assert run.to_json()["input"] is None


async def test_those_who_wait_are_woken_by_a_change(runs):
    run = runs.create(["a"])
    waiting = [asyncio.create_task(run.wait_change(1, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    runs.set_cell("r0", 0, "running")
    await asyncio.wait_for(asyncio.gather(*waiting), 60)


async def test_a_change_that_was_not_seen_is_answered_at_once(runs):
    run = runs.create(["a"])
    await asyncio.wait_for(run.wait_change(0, 600), 60)


async def test_waiting_ends_without_a_change_after_the_timeout(runs):
    run = runs.create(["a"])
    await run.wait_change(1, 0.01)
    assert run.change == 1


def test_an_unknown_run_is_an_error(runs):
    with pytest.raises(RunNotFoundError, match="x is not known"):
        runs.get("x")


def test_only_the_last_finished_runs_are_kept_and_all_that_are_not_finished(runs):
    active = runs.create(["a"])
    for _ in range(5):
        finish(runs, runs.create(["a"]))
    assert runs.get(active.run_id) is active
    kept = [run_id for run_id in (f"r{n}" for n in range(1, 6)) if known(runs, run_id)]
    assert kept == ["r3", "r4", "r5"]


def test_old_finished_runs_are_forgotten(runs, clock):
    finish(runs, runs.create(["a"]))
    clock.now = 61
    runs.create(["b"])
    assert not known(runs, "r0")


def test_changes_of_a_forgotten_run_are_ignored(runs):
    runs.set_cell("x", 0, "ok")
    runs.set_input("x", None)


def test_a_run_that_was_not_queued_is_discarded(runs):
    runs.create(["a"])
    runs.discard("r0")
    assert not known(runs, "r0")


def known(runs, run_id):
    try:
        runs.get(run_id)
    except RunNotFoundError:
        return False
    return True
