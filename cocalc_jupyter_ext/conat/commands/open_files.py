"""How many files a server may have open: each connection and each stream is one or more."""

import logging
import resource
from typing import Final

__all__ = ["allow_many_files"]

_log = logging.getLogger(__name__)

MAX_FILES: Final = 65_536


def allow_many_files() -> None:
    """Use as many open files as the administrator permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:
        _log.warning("connections are limited to about %d open files: %s", soft, error)
