"""What CoCalc clients read of a run, and how they ask for one (syncdoc-jupyter §4.1 to §4.3)."""

from typing import Any

from cocalc_jupyter_ext.kernels.record_states import (
    Request,
    orphaned,
    progress_fields,
    requested,
    unrunnable,
)


def cell(cell_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "cell", "id": cell_id, **fields}


def test_only_the_transition_into_start_is_a_request() -> None:
    before = [cell("a", state="done"), cell("b", state="start"), cell("c")]
    after = [cell("a", state="start"), cell("b", state="start"), cell("c", state="busy")]

    assert requested(before, after) == [Request(("a",), stops_on_error=True)]
    assert requested(after, after) == []


def test_requests_are_ordered_by_their_time_and_then_by_place() -> None:
    after = [
        cell("late", state="start", start=9),
        cell("second", state="start", start=5, pos=2),
        cell("first", state="start", start=5, pos=1),
        cell("never", state="start"),
    ]

    assert requested([], after) == [Request(("never", "first", "second", "late"), True)]


def test_another_wish_about_errors_is_another_request() -> None:
    after = [
        cell("a", state="start", start=1),
        cell("b", state="start", start=2, no_halt=True),
        cell("c", state="start", start=3),
    ]

    assert requested([], after) == [
        Request(("a",), stops_on_error=True),
        Request(("b",), stops_on_error=False),
        Request(("c",), stops_on_error=True),
    ]


def test_text_cannot_be_run() -> None:
    cells = [cell("a", state="start", cell_type="markdown"), cell("b", state="start")]
    assert requested([], cells) == [Request(("b",), stops_on_error=True)]
    assert unrunnable(cells) == ["a"]


def test_a_cell_is_queued_then_busy_then_done() -> None:
    assert progress_fields("queued", 5, kernel="python3") == {
        "state": "run",
        "start": None,
        "end": None,
        "kernel": "python3",
    }
    assert progress_fields("running", 6, kernel=None) == {"state": "busy", "start": 6}
    for state in ("ok", "error", "aborted"):
        started = {"start": 6}
        fields = progress_fields(state, 7, kernel=None, before=started)
        assert fields == {"state": "done", "end": 7}
        never = progress_fields(state, 7, kernel=None)
        assert never == {"state": "done", "start": 7, "end": 7}


def test_cells_that_ran_when_the_project_ended_are_found() -> None:
    cells = [cell("a", state="run"), cell("b", state="busy"), cell("c", state="start"), cell("d")]

    assert orphaned(cells) == ["a", "b"]
    assert orphaned([cell("a", state="done"), cell("b", state="nonsense")]) == ["b"]
