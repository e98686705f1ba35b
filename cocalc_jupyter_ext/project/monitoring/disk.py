"""How full the disks of a project are (hub-project-api §4.13); it blocks."""

import os
from pathlib import Path
from typing import Final

import psutil

__all__ = ["disk_usage"]

_MIB: Final = 2**20
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_TEMPORARY: Final = Path("/tmp")  # noqa: S108 - the folder whose files may be in memory


def disk_usage(home: Path) -> dict[str, dict[str, float]]:
    """Return ``{tmp, project}``, each ``{available, free, total, usage}`` in MiB.

    ``usage`` of ``/tmp`` is 0 unless its files are in memory. A folder that cannot be looked at
    has zeros.
    """
    temporary = _of(_TEMPORARY)
    if not _is_in_memory(_TEMPORARY):
        temporary["usage"] = 0.0
    return {"tmp": temporary, "project": _of(home)}


def _of(folder: Path) -> dict[str, float]:
    try:
        found = os.statvfs(folder)
    except OSError:
        return dict.fromkeys(("available", "free", "total", "usage"), 0.0)
    blocks = {
        "available": found.f_bavail,
        "free": found.f_bfree,
        "total": found.f_blocks,
        "usage": found.f_blocks - found.f_bfree,
    }
    return {name: round(count * found.f_frsize / _MIB, 3) for name, count in blocks.items()}


def _is_in_memory(folder: Path) -> bool:
    mounted = psutil.disk_partitions(all=True)
    return any(each.mountpoint == str(folder) and each.fstype in _IN_MEMORY for each in mounted)
