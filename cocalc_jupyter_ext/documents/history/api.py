"""What callers see of the histories: functions of one object, whose results are JSON.

The same functions are served on the message fabric (``endpoint``) and, by the server, over HTTP.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from .errors import BadHistoryRequest
from .service import HistoryService
from .shapes import ShapeName

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "HistoryApi"]

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 10_000
MAX_PATH: Final = 4_096
MAX_CELLS: Final = 100_000

Options = Mapping[str, Any]


class HistoryApi:
    """Checks arguments and calls the service. All functions raise BadHistoryRequest, and more.

    ``path`` is that of the file; a version is named by the number that ``versions`` gives it.
    """

    def __init__(self, service: HistoryService) -> None:
        self._service = service

    @property
    def functions(self) -> Mapping[str, Callable[[Options], Awaitable[dict[str, Any]]]]:
        """All functions by their names."""
        return {
            "versions": self.versions,
            "at": self.at,
            "diff": self.diff,
            "blame": self.blame,
            "restore": self.restore,
            "history": self.history,
        }

    async def versions(self, options: Options) -> dict[str, Any]:
        """``{path, before?, limit?}`` -> ``{type, versions: [version], has_more}``, newest first.

        A version is ``{version, wall, author, number, size}``. The next page has as ``before``
        the last version of this one.
        """
        limit = _number(options, "limit", DEFAULT_LIMIT)
        if not 0 < limit <= MAX_LIMIT:
            raise BadHistoryRequest(f"limit must be between 1 and {MAX_LIMIT}")
        before = _optional_number(options, "before")
        shape, page = await self._service.versions(_path(options), before=before, limit=limit)
        return {
            "type": shape.name.value,
            "versions": [version.to_json() for version in page.versions],
            "has_more": page.has_more,
        }

    async def at(self, options: Options) -> dict[str, Any]:
        """``{path, version}`` -> the version with ``type`` and ``text`` or ``notebook``."""
        return await self._service.at(_path(options), _number(options, "version"))

    async def diff(self, options: Options) -> dict[str, Any]:
        """``{path, a, b}`` -> ``{type, hunks}``, of notebooks ``{type, cells, metadata}``."""
        return await self._service.diff(
            _path(options), _number(options, "a"), _number(options, "b")
        )

    async def blame(self, options: Options) -> dict[str, Any]:
        """``{path}`` -> ``{type, lines, versions}``, of notebooks ``{type, cells, versions}``.

        Lines are passages ``{start, count, version}``; ``cells`` has those of each cell by its
        id, ``versions`` all versions that are named, by their numbers as text.
        """
        shape, passages, entries = await self._service.blame(_path(options))
        found = {
            key: [
                {"start": each.start, "count": each.count, "version": each.version}
                for each in lines
            ]
            for key, lines in passages.items()
        }
        is_notebook = shape.name is ShapeName.NOTEBOOK
        return {
            "type": shape.name.value,
            **({"cells": found} if is_notebook else {"lines": found.get("", [])}),
            "versions": {str(time): entry.to_json() for time, entry in entries.items()},
        }

    async def restore(self, options: Options) -> dict[str, Any]:
        """``{path, version, cells?, author?}`` -> ``{version}``, null when nothing had to change.

        ``cells`` are ids; without them the whole version is restored. ``author`` is the account
        in whose name it is done, without it the project's.
        """
        author = options.get("author")
        if not isinstance(author, str | None):
            raise BadHistoryRequest("author must be the id of an account")
        restored = await self._service.restore(
            _path(options), _number(options, "version"), cells=_cells(options), author=author
        )
        return {"version": None if restored is None else restored.to_json()}

    async def history(self, options: Options) -> dict[str, Any]:
        """``{path, start_seq?, end_seq?}`` -> ``{patches, info}`` (hub-project-api §1.12)."""
        return await self._service.raw(
            _path(options),
            start_seq=_number(options, "start_seq", 0),
            end_seq=_optional_number(options, "end_seq"),
        )


def _path(options: Options) -> str:
    path = options.get("path")
    if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH:
        raise BadHistoryRequest("path must be the path of a file")
    return path


def _number(options: Options, name: str, default: int | None = None) -> int:
    number = _optional_number(options, name)
    if number is None:
        number = default
    if number is None:
        raise BadHistoryRequest(f"{name} must be given; it is a whole number")
    return number


def _optional_number(options: Options, name: str) -> int | None:
    value = options.get(name)
    if isinstance(value, bool) or not isinstance(value, int | None):
        raise BadHistoryRequest(f"{name} must be a whole number")
    return value


def _cells(options: Options) -> list[str] | None:
    cells = options.get("cells")
    if cells is None:
        return None
    if not isinstance(cells, list) or not 0 < len(cells) <= MAX_CELLS:
        raise BadHistoryRequest("cells must be a list of at least one id of a cell, or left out")
    if not all(isinstance(cell, str) for cell in cells):
        raise BadHistoryRequest("cells must be ids of cells")
    return cells
