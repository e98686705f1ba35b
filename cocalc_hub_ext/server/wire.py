"""How projects and errors look in JSON: pure."""

from typing import Any

from ..errors import (
    CannotRemoveOwnerError,
    HubError,
    HubRefusedError,
    HubUnreachableError,
    InvalidInputError,
    ProjectBusyError,
    ProjectNotFoundError,
    StartFailedError,
    StillConnectedError,
    UnknownPersonError,
)
from ..projects.manager import ProjectView

__all__ = ["error_to_wire", "project_to_wire", "status_of"]

_STATUS: dict[type[HubError], int] = {
    InvalidInputError: 400,
    ProjectNotFoundError: 404,
    UnknownPersonError: 404,
    CannotRemoveOwnerError: 409,
    ProjectBusyError: 409,
    StartFailedError: 502,
    StillConnectedError: 502,
    HubRefusedError: 502,
    HubUnreachableError: 503,
}


def status_of(error: HubError) -> int:
    """Return the HTTP status that says the same as ``error``."""
    return _STATUS.get(type(error), 500)


def error_to_wire(code: str, message: str) -> dict[str, Any]:
    """Return the body of an error answer."""
    return {"error": {"code": code, "message": message}}


def project_to_wire(view: ProjectView) -> dict[str, Any]:
    """Return a project as JSON; ``progress`` and ``error`` only when there are such."""
    body: dict[str, Any] = {
        "project_id": view.project_id,
        "title": view.title,
        "state": view.state.value,
        "last_edited": view.last_edited.isoformat(),
        "members": [
            {"name": member.name, "display_name": member.display_name, "group": member.group}
            for member in view.members
        ],
    }
    if view.progress is not None:
        body["progress"] = {"percent": view.progress.percent, "message": view.progress.message}
    if view.error is not None:
        body["error"] = view.error
    return body
