"""The ``system`` group of a project's API (hub-project-api §3.2)."""

from typing import Protocol

from .dispatch import ApiError, ApiFunction

__all__ = ["WallClock", "system_functions"]


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

    return {"system.ping": ping, "system.test": test}
