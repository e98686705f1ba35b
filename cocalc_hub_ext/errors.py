"""What can go wrong in the hub, as classes with data.

::

    HubError
    ├── InvalidInputError          what was typed cannot be used
    ├── ProjectNotFoundError       no such project, or not the caller's: one answer for both
    ├── UnknownPersonError         nobody of that name has an account here
    ├── CannotRemoveOwnerError     owners are never removed
    ├── ProjectBusyError           the opposite change is in progress
    ├── StillConnectedError        a removed member may have something open for a while
    ├── StartFailedError           the project's server did not come up
    ├── HubRefusedError            JupyterHub answered a request of ours with an error
    ├── HubUnreachableError        JupyterHub or a project did not answer
    └── DatabaseTooNewError        the tables were made by a later version

Every message is written for the person who reads it and says what to do.
"""

__all__ = [
    "CannotRemoveOwnerError",
    "DatabaseTooNewError",
    "HubError",
    "HubRefusedError",
    "HubUnreachableError",
    "InvalidInputError",
    "ProjectBusyError",
    "ProjectNotFoundError",
    "StartFailedError",
    "StillConnectedError",
    "UnknownPersonError",
]


class HubError(Exception):
    """Root of all errors of the hub; ``code`` names the kind on the wire."""

    code = "internal-error"


class InvalidInputError(HubError):
    """A value given by a person cannot be used."""

    code = "invalid-input"


class ProjectNotFoundError(HubError):
    """The project does not exist, or is not the caller's: nobody can probe for ids."""

    code = "project-not-found"

    def __init__(self) -> None:
        super().__init__(
            "There is no such project among yours. Ask its owner to add you, or reload the page."
        )


class UnknownPersonError(HubError):
    """Nobody of that name is known here."""

    code = "unknown-person"

    def __init__(self, name: str) -> None:
        super().__init__(
            f'Nobody named "{name}" is known here. Check the spelling; a person must have '
            "logged in once before you can add them."
        )
        self.name = name


class CannotRemoveOwnerError(HubError):
    """The owner of a project cannot be removed from it (hub-project-api §1.5)."""

    code = "cannot-remove-owner"

    def __init__(self, name: str) -> None:
        super().__init__(f'"{name}" owns this project and cannot be removed from it.')
        self.name = name


class ProjectBusyError(HubError):
    """The project is changing in the other direction."""

    code = "project-busy"

    def __init__(self, doing: str) -> None:
        super().__init__(f"The project is {doing}. Wait until that is done, then try again.")
        self.doing = doing


class StillConnectedError(HubError):
    """Somebody was removed, but the project could not be told to close what they have open."""

    code = "still-connected"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f'"{name}" is no longer a member, but what they have open in the project could not be '
            f"closed ({reason}). Stop the project to close it."
        )
        self.name = name
        self.reason = reason


class StartFailedError(HubError):
    """The server of a project did not come up."""

    code = "start-failed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The project did not start: {reason}")
        self.reason = reason


class HubRefusedError(HubError):
    """JupyterHub or a project answered with an error status."""

    code = "hub-refused"

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        super().__init__(f"JupyterHub refused {method} {path}: {status} {message}")
        self.status = status
        self.message = message


class HubUnreachableError(HubError):
    """JupyterHub or a project did not answer."""

    code = "hub-unreachable"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what} does not answer ({reason}). Try again in a moment.")
        self.what = what
        self.reason = reason


class DatabaseTooNewError(HubError):
    """The tables were made by a version that this one does not know."""

    code = "database-too-new"

    def __init__(self, revision: str, known: str) -> None:
        super().__init__(
            f"The database is at revision {revision}, this version knows up to {known}. "
            "Install the version that made it, or a later one."
        )
        self.revision = revision
        self.known = known
