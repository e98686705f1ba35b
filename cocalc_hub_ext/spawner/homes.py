"""Where a project lives: one directory per project below one root.

A home is ``<root>/<project_id>/``, owned by the hub's user with mode 0700. The name is checked to
be a project id before it touches a path, and a home that has become a symbolic link is refused, so
nothing outside of the root is ever handed to a project.
"""

from pathlib import Path

from ..errors import HubError
from ..ids import as_project_id

__all__ = ["NotAProjectError", "UnusableHomeError", "home_path", "make_home"]


class NotAProjectError(HubError):
    """Only projects have a home, and a server."""

    code = "not-a-project"

    def __init__(self, name: str) -> None:
        super().__init__(
            f'"{name}" is not a project. People have no server of their own: open one of your '
            "projects instead."
        )
        self.name = name


class UnusableHomeError(HubError):
    """The home directory cannot be made or must not be used."""

    code = "unusable-home"

    def __init__(self, home: Path, reason: str) -> None:
        super().__init__(
            f"The project's directory {home} cannot be used: {reason}. "
            "Ask the administrator of this hub to look at it."
        )
        self.home = home
        self.reason = reason


def home_path(root: Path, name: str) -> Path:
    """Return the home of the project ``name``. Raises NotAProjectError for any other name."""
    project_id = as_project_id(name)
    if project_id is None:
        raise NotAProjectError(name)
    return root / project_id


def make_home(root: Path, name: str) -> Path:
    """Return the home of the project ``name``, made if need be.

    Raises NotAProjectError, and UnusableHomeError when it is a link or cannot be made.
    """
    home = home_path(root.resolve(), name)
    try:
        home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UnusableHomeError(home, error.strerror or str(error)) from error
    if home.is_symlink() or home.resolve() != home:
        raise UnusableHomeError(home, "it is a link to another place")
    return home
