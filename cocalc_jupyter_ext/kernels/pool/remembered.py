"""The kind of kernel that was used last, in a file, so that one is ready after a restart (§5).

Sections are those of syncdoc-jupyter. The file is for its owner alone: what is added to a
kernel's environment may be a secret.
"""

import logging
import os
import tempfile
from pathlib import Path

from .keys import PoolKey, key_from_text

__all__ = ["RememberedKey"]

_log = logging.getLogger(__name__)
_MAX_BYTES = 1_000_000


class RememberedKey:
    """Reads and writes the file; a pool works without it too. Both block for a moment."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._written: PoolKey | None = None

    def read(self) -> PoolKey | None:
        """Return what was remembered, or None."""
        if self._path is None:
            return None
        try:
            with self._path.open(encoding="utf-8") as file:
                return key_from_text(file.read(_MAX_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            _log.warning(
                "No kernel is started in advance: %s cannot be read: %s", self._path, error
            )
            return None

    def write(self, key: PoolKey) -> None:
        """Remember this one instead of what was there."""
        if self._path is None or key == self._written:
            return
        try:
            _replace(self._path, key.to_text())
        except OSError as error:
            _log.warning(
                "After a restart no kernel will be started in advance: %s cannot be written: %s",
                self._path,
                error,
            )
        else:
            self._written = key


def _replace(path: Path, text: str) -> None:
    """Write the file at once; ``mkstemp`` gives rights to the owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
