"""Ends services of a project, for those who develop them (hub-project-api §3.1).

A service that was ended stays so until the server starts again. Whoever may call this may run
programs in the project, and could end all of it.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from .arguments import Arguments
from .dispatch import ApiError, ApiFunction

__all__ = ["SERVICES", "Terminating"]

_TERMINATE: Final = "system.terminate"
SERVICES: Final = ("open-files", "listings", "files:read", "files:write", "api")

End = Callable[[], Awaitable[object]]
"""Ends a service; calling it again does nothing."""


class Terminating:
    """The services that can be ended, by their names."""

    def __init__(self) -> None:
        self._ends: dict[str, End] = {}

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {_TERMINATE: self.terminate}

    def add(self, service: str, end: End) -> None:
        """Let a service be ended; raises ValueError for one that has no name on the wire."""
        if service not in SERVICES:
            raise ValueError(f"nobody can ask for the end of '{service}'")
        self._ends[service] = end

    async def terminate(self, options: object) -> object:
        """End a service: ``{service}``; raises ApiError where there is none."""
        service = Arguments(_TERMINATE, options).text("service")
        if service not in SERVICES:
            known = ", ".join(SERVICES)
            raise ApiError(
                f"{_TERMINATE}: there is no service '{service[:100]}'; there are {known}"
            )
        end = self._ends.get(service)
        if end is None:
            raise ApiError(f"{_TERMINATE}: the service '{service}' does not run on this server")
        await end()
        return {"status": "terminated", "service": service}
