"""Which update logs may go (pure), and the shell that removes them.

A log is small once its document is closed, but logs of deleted files would gather forever. One
goes when no file belongs to its id any more and nobody has touched it for long; its content was
written to the file when the document was closed. Logs that were set aside go likewise.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .file_ids import FileIds

__all__ = ["LogFile", "expired_logs", "remove_expired_logs"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file in the folder of logs: its name and when it was last written (Unix time, s)."""

    name: str
    modified: float

    @property
    def file_id(self) -> str:
        """The id of the document's file; log names begin with it."""
        return self.name.split(".", 1)[0]


def expired_logs(
    logs: Iterable[LogFile], *, is_known: Callable[[str], bool], now: float, keep_s: float
) -> list[str]:
    """Return the names of the logs that may go."""
    return [
        log.name
        for log in logs
        if now - log.modified > keep_s and (not is_known(log.file_id) or ".unreadable-" in log.name)
    ]


async def remove_expired_logs(
    folder: Path, file_ids: FileIds, *, now: float, keep_s: float
) -> list[str]:
    """Remove what may go; return the names. Ids are looked up on the event loop.

    A folder that cannot be read or changed is reported; there is always a next start.
    """

    def is_known(file_id: str) -> bool:
        return file_ids.get_path(file_id) is not None

    try:
        logs = await asyncio.to_thread(_list, folder)
        names = expired_logs(logs, is_known=is_known, now=now, keep_s=keep_s)
        await asyncio.to_thread(_remove, folder, names)
    except OSError as error:
        _log.warning("Old update logs were not removed: %s", error)
        return []
    return names


def _list(folder: Path) -> list[LogFile]:
    if not folder.exists():
        return []
    return [LogFile(path.name, path.stat().st_mtime) for path in folder.iterdir()]


def _remove(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
