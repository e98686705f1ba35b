"""Projects and errors in JSON."""

from datetime import UTC, datetime

import pytest

from cocalc_hub_ext import errors
from cocalc_hub_ext.ids import ProjectId
from cocalc_hub_ext.projects.lifecycle import Progress, State
from cocalc_hub_ext.projects.manager import Member, ProjectView
from cocalc_hub_ext.server.wire import error_to_wire, project_to_wire, status_of


def view(**changes: object) -> ProjectView:
    values = {
        "project_id": ProjectId("b0000000-0000-4000-8000-000000000001"),
        "title": "Graphs",
        "state": State.OPENED,
        "members": (Member("ada", "Ada", "owner"),),
        "last_edited": datetime(2026, 1, 2, tzinfo=UTC),
    }
    return ProjectView(**values | changes)  # type: ignore[arg-type]  # a mapping of fields


def test_a_project_has_its_members_and_no_empty_fields() -> None:
    assert project_to_wire(view()) == {
        "project_id": "b0000000-0000-4000-8000-000000000001",
        "title": "Graphs",
        "state": "opened",
        "last_edited": "2026-01-02T00:00:00+00:00",
        "members": [{"name": "ada", "display_name": "Ada", "group": "owner"}],
    }


def test_progress_and_errors_appear_when_there_are_such() -> None:
    body = project_to_wire(view(progress=Progress(40, "Half way"), error="no disk"))

    assert body["progress"] == {"percent": 40, "message": "Half way"}
    assert body["error"] == "no disk"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInputError("x"), 400),
        (errors.ProjectNotFoundError(), 404),
        (errors.UnknownPersonError("x"), 404),
        (errors.CannotRemoveOwnerError("x"), 409),
        (errors.ProjectBusyError("starting"), 409),
        (errors.StartFailedError("x"), 502),
        (errors.StillConnectedError("x", "y"), 502),
        (errors.HubRefusedError("GET", "/", 500, "x"), 502),
        (errors.HubUnreachableError("hub", "x"), 503),
        (errors.DatabaseTooNewError("2", "1"), 500),
    ],
)
def test_every_error_has_a_status_and_a_code(error: errors.HubError, status: int) -> None:
    assert status_of(error) == status
    assert error_to_wire(error.code, str(error))["error"]["code"] == error.code != ""


def test_codes_are_different() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__]

    assert len({kind.code for kind in kinds}) == len(kinds)
