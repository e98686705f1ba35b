"""Functions of a project's API that need nothing but a clock (hub-project-api §3.2, §3.5)."""

import re
from typing import Protocol

from .._version import __version__
from .arguments import path_of
from .dispatch import ApiError, ApiFunction

__all__ = ["WallClock", "system_functions", "version_number"]


class WallClock(Protocol):
    """The time in seconds since 1970; ``time.time`` is one."""

    def __call__(self) -> float: ...  # noqa: D102 - documented by the class


def system_functions(clock: WallClock) -> dict[str, ApiFunction]:
    """Return the functions of the group that this server has."""

    def now_ms() -> int:
        return int(clock() * 1000)

    async def ping() -> object:
        """Return the server's time in milliseconds."""
        return {"now": now_ms()}

    async def test(options: object = None) -> object:
        """Return what the HTTP bridge put in, and the time."""
        if not isinstance(options, dict | None):
            raise ApiError("system.test: the argument must be an object")
        project_id = (options or {}).get("project_id", "")
        return {"project_id": project_id, "server_time": now_ms()}

    async def version() -> object:
        """Return a number that grows with every release."""
        return version_number(__version__)

    async def close(path: object) -> None:
        """Do nothing, as in the original: a document closes when nobody has it open."""
        path_of(path, "sync.close: path")

    return {
        "system.ping": ping,
        "system.test": test,
        "system.version": version,
        "sync.close": close,
    }


def version_number(version: str) -> int:
    """Return ``1.2.3`` as 1002003; what follows the third number does not count."""
    release = re.match(r"[\d.]*", version)
    numbers = [int(part) for part in re.findall(r"\d+", release[0] if release else "")]
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return major * 1_000_000 + minor * 1_000 + patch
