"""From the name of a call to a function: the table, and the checks before a call.

A call is ``{name: "group.function", args: [...]}`` (hub-project-api §3.1); a mere ``"ping"`` is
answered ``"pong"`` as that of a service is (hub-project-api §3.6). There is no
permission check here: whoever may publish on the project's subject may call everything
in the table, and the message fabric has checked that.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from ..conat.errors import ConatError
from ..documents.errors import DocumentError
from ..kernels.errors import KernelsError

__all__ = ["ApiError", "ApiFunction", "Dispatcher"]

ApiFunction = Callable[..., Awaitable[object]]

_PING: Final = "ping"
_PONG: Final = "pong"


class ApiError(ConatError):
    """A call that cannot be made; the text tells the caller why."""


class Dispatcher:
    """Calls functions by name; ``known`` are all names of the contract, supported or not."""

    def __init__(self, functions: Mapping[str, ApiFunction], known: frozenset[str]) -> None:
        self._functions = dict(functions)
        self._known = known

    def offer(self, functions: Mapping[str, ApiFunction]) -> None:
        """Add a table of functions; raises ValueError, and adds none, if a name is taken."""
        taken = self._functions.keys() & functions.keys()
        if taken:
            raise ValueError(f"offered twice: {', '.join(sorted(taken))}")
        self._functions.update(functions)

    async def __call__(self, request: object) -> object:
        """Make the call a request asks for and return its result.

        Arguments beyond those of the function are ignored, as in JavaScript: the official client
        sends ``{}`` to functions that take none (hub-project-api §8.1). Raises ApiError for a
        malformed request, an unknown function, arguments that are missing, and with the words of
        what kernels and documents refuse, which is no mistake of the function.
        """
        if request == _PING:
            return _PONG
        name, args = _read(request)
        if name == _PING:
            return _PONG
        function = self._find(name)
        signature = inspect.signature(function)
        taken = _without_surplus(args, signature)
        try:
            signature.bind(*taken)
        except TypeError as error:
            raise ApiError(f"{name}: {error}") from error
        try:
            return await function(*taken)
        except (KernelsError, DocumentError) as error:
            raise ApiError(str(error)) from error

    def _find(self, name: str) -> ApiFunction:
        function = self._functions.get(name)
        if function is not None:
            return function
        if name in self._known:
            raise ApiError(f"'{name}' is not supported by this server")
        raise ApiError(f"unknown function '{name[:100]}'")


def _without_surplus(args: list[Any], signature: inspect.Signature) -> list[Any]:
    parameters = signature.parameters.values()
    if any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters):
        return args
    return args[: len(parameters)]


def _read(request: object) -> tuple[str, list[Any]]:
    if not isinstance(request, dict) or not isinstance(request.get("name"), str):
        raise ApiError("a call must be an object with a name, which is a string")
    args = request.get("args")
    if args is None:
        args = []
    if not isinstance(args, list):
        raise ApiError("the args of a call must be an array")
    return request["name"], args
