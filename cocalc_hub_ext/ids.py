"""Names of things: projects and accounts are lower-case UUIDs, people are hub user names.

A project is a JupyterHub user whose name is its UUID (design D16), so whether a name is a
project's is decided by its shape, in every layer, by ``is_project_id`` alone.
"""

import re
from typing import NewType

__all__ = ["PROJECT_ID_PATTERN", "AccountId", "ProjectId", "as_project_id", "is_project_id"]

ProjectId = NewType("ProjectId", str)
AccountId = NewType("AccountId", str)

PROJECT_ID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_PROJECT_ID = re.compile(PROJECT_ID_PATTERN)


def is_project_id(name: str) -> bool:
    """Return whether ``name`` is shaped like a project id, in any letter case.

    Hub user names are lower-cased at login, so an upper-case UUID would become a project's name.
    """
    return _PROJECT_ID.fullmatch(name.strip().lower()) is not None


def as_project_id(text: str) -> ProjectId | None:
    """Return ``text`` as a project id, or None when it is not written as one."""
    return ProjectId(text) if _PROJECT_ID.fullmatch(text) else None
