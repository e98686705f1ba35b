"""The log of a project's server: a file in the project's home, so that its people can read it.

The log of the run before is kept beside it. The file is opened without following links, as the
project's own code can put anything in its place.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["MAX_KEPT_BYTES", "log_path", "open_log", "read_tail"]

MAX_KEPT_BYTES = 1024 * 1024
_TAIL_BYTES = 8 * 1024


def log_path(home: Path) -> Path:
    """Return where the server of the project at ``home`` writes its log."""
    return home / ".local" / "share" / "cocalc" / "server.log"


def open_log(path: Path) -> BinaryIO:
    """Open an empty log at ``path``; the end of the earlier one is kept as ``<name>.1``.

    Raises OSError when the folder cannot be made or something unusual is in the log's place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _keep_end_of(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0)


def read_tail(path: Path, lines: int) -> list[str]:
    """Return up to ``lines`` last lines of the log; none if there is no log."""
    end = _read_end(path, _TAIL_BYTES)
    return end.decode(errors="replace").splitlines()[-lines:]


def _keep_end_of(path: Path) -> None:
    end = _read_end(path, MAX_KEPT_BYTES)
    path.unlink(missing_ok=True)
    if not end:
        return
    earlier = path.with_name(path.name + ".1")
    earlier.unlink(missing_ok=True)
    with os.fdopen(os.open(earlier, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(end)


def _read_end(path: Path, size: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b""
        file.seek(max(0, status.st_size - size))
        return file.read(size)
