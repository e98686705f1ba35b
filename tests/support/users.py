"""Tests as another user of the machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["unprivileged"]


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run as nobody where the tests run as root, for whom no rights are missing."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
