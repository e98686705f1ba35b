"""What the hub says of a server decides what may be done."""

from datetime import UTC, datetime

import pytest

from cocalc_hub_ext.errors import ProjectBusyError
from cocalc_hub_ext.projects.lifecycle import (
    Progress,
    ServerView,
    State,
    Step,
    decide_start,
    decide_stop,
    progress_from_event,
    state_of_server,
    state_record,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("server", "state"),
    [
        (None, State.OPENED),
        (ServerView(ready=False, pending=None), State.OPENED),
        (ServerView(ready=False, pending="spawn"), State.STARTING),
        (ServerView(ready=True, pending=None), State.RUNNING),
        (ServerView(ready=True, pending="check"), State.RUNNING),
        (ServerView(ready=True, pending="stop"), State.STOPPING),
    ],
)
def test_a_server_s_view_means_a_state(server: ServerView | None, state: State) -> None:
    assert state_of_server(server) is state


def test_starting_acts_only_on_a_stopped_project() -> None:
    assert decide_start(State.OPENED) is Step.ACT
    assert decide_start(State.STARTING) is Step.WAIT
    assert decide_start(State.RUNNING) is Step.NOTHING
    with pytest.raises(ProjectBusyError, match="stopping"):
        decide_start(State.STOPPING)


def test_stopping_acts_only_on_a_running_project() -> None:
    assert decide_stop(State.RUNNING) is Step.ACT
    assert decide_stop(State.STOPPING) is Step.WAIT
    assert decide_stop(State.OPENED) is Step.NOTHING
    with pytest.raises(ProjectBusyError, match="starting"):
        decide_stop(State.STARTING)


def test_a_state_is_recorded_with_its_time_and_an_error_only_when_there_is_one() -> None:
    assert state_record(State.RUNNING, NOW) == {"state": "running", "time": NOW.isoformat()}
    assert state_record(State.OPENED, NOW, "no disk")["error"] == "no disk"


@pytest.mark.parametrize(
    ("event", "progress"),
    [
        ({"progress": 50, "message": "Spawning"}, Progress(50, "Spawning")),
        ({"progress": 100, "ready": True, "message": "up"}, Progress(100, "up", ready=True)),
        ({"failed": True, "message": "no"}, Progress(0, "no", failed=True)),
        ({"progress": 900, "ready": "yes"}, Progress(100, "")),
        ({"progress": None}, Progress(0, "")),
        ({"progress": -3.5}, Progress(0, "")),
    ],
)
def test_odd_progress_events_are_harmless(event: dict[str, object], progress: Progress) -> None:
    assert progress_from_event(event) == progress
