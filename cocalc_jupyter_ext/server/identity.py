"""Who this project is, and which account stands for a user of this server.

A project's id never changes: the environment names it, or it is the name of the hub user
that the server runs as, or it was made up at the first start and is kept in the data
folder. Accounts have UUIDs too; a user name that is none always gives the same one.
Whoever comes with the server's own token has no name: Jupyter Server makes one up for each
browser. All of them are the owner, who has one account.
"""

import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..conat.protocol.subjects import is_uuid
from ..conat.types import AccountId, ProjectId

__all__ = ["account_id_from_username", "find_project_id"]

_MADE_UP_NAME: Final = re.compile("[0-9a-f]{32}")
PROJECT_ID_FILE: Final = "project-id"
_ACCOUNTS: Final = uuid.UUID("0bb0f3a8-6ff0-5a51-9a0e-5d1f8c1f2f6b")
"""The namespace of accounts made from user names; changing it would change every account."""


def find_project_id(environment: Mapping[str, str], data_folder: Path) -> ProjectId:
    """Return the id of this server's project; creates and keeps one where there is none.

    Raises ValueError when ``COCALC_PROJECT_ID`` or the kept id is not a UUID, OSError when
    the data folder cannot be used.
    """
    named = environment.get("COCALC_PROJECT_ID")
    if named is not None:
        return _checked(named, "the environment variable COCALC_PROJECT_ID")
    hub_user = environment.get("JUPYTERHUB_USER", "")
    if is_uuid(hub_user):
        return ProjectId(hub_user)
    return _kept_project_id(data_folder / PROJECT_ID_FILE)


def account_id_from_username(username: str, project_id: ProjectId) -> AccountId:
    """Return the account of a user of this server: the name itself when it is a UUID."""
    if is_uuid(username):
        return AccountId(username)
    name = f"owner of {project_id}" if _MADE_UP_NAME.fullmatch(username) else username
    return AccountId(str(uuid.uuid5(_ACCOUNTS, name)))


def _kept_project_id(file: Path) -> ProjectId:
    if not file.exists():
        _create(file, str(uuid.uuid4()))
    return _checked(file.read_text("ascii").strip(), str(file))


def _create(file: Path, text: str) -> None:
    """Write a file whole, and once: of two servers that start together one is first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{text}.draft")
    draft.write_text(f"{text}\n", "ascii")
    try:
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _checked(text: str, source: str) -> ProjectId:
    if not is_uuid(text):
        raise ValueError(f"{source} must hold the UUID of a project, but holds {text!r}")
    return ProjectId(text)
