"""Names for the accounts that versions are by, so that people read who wrote what.

A version holds the id of an account, which says nothing to people. The server remembers the
names of those who were here, in a file of its data folder.
"""

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ..conat.types import ProjectId
from .identity import account_id_from_username

__all__ = ["AuthorNames"]

_log = logging.getLogger(__name__)

MAX_NAMES: Final = 10_000
MAX_NAME_LENGTH: Final = 200
UNKNOWN: Final = "CoCalc user"


class AuthorNames:
    """The names of accounts; the project itself is called ``Project``."""

    def __init__(self, file: Path, project_id: ProjectId) -> None:
        self._file = file
        self._project_id = project_id
        self._names = _read(file)

    def note(self, username: str, display_name: str) -> None:
        """Remember what a user of this server is called; the oldest of too many is forgotten."""
        account_id = account_id_from_username(username, self._project_id)
        name = display_name.strip()[:MAX_NAME_LENGTH]
        if not name or self._names.get(account_id) == name:
            return
        self._names.pop(account_id, None)
        self._names[account_id] = name
        while len(self._names) > MAX_NAMES:
            del self._names[next(iter(self._names))]
        self._write()

    def of(self, account_ids: Iterable[str | None]) -> dict[str, str]:
        """Return the names of accounts, as far as they are known."""
        known = {**self._names, self._project_id: "Project"}
        wanted = {each for each in account_ids if each is not None}
        return {each: known[each] for each in sorted(wanted & known.keys())}

    def name_of(self, account_id: str) -> str:
        """Return the name of an account, or what to call somebody who has never been here."""
        return self.of([account_id]).get(account_id, UNKNOWN)

    def _write(self) -> None:
        draft = self._file.with_name(f"{self._file.name}.draft")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(self._names, ensure_ascii=False), "utf-8")
            draft.replace(self._file)
        except OSError as error:
            _log.warning("names of authors are forgotten when the server stops: %s", error)


def _read(file: Path) -> dict[str, str]:
    try:
        names = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.warning("the names of authors in %s cannot be read: %s", file, error)
        return {}
    if not isinstance(names, dict):
        _log.warning("%s does not hold names of authors", file)
        return {}
    return {key: name for key, name in names.items() if isinstance(name, str)}
