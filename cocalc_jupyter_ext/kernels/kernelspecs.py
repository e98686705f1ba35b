"""The installed kernels, as CoCalc clients list them (syncdoc-jupyter §4.8).

Looking for them reads many small files, so the list is kept for some seconds and looked for in a
thread. Those who ask at the same time share one look.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from jupyter_client.kernelspec import KernelSpecManager

from .errors import KernelSpecNotFoundError

__all__ = ["KEPT_S", "FindSpecs", "KernelEntry", "KernelSpecs", "entries_from_specs"]

KEPT_S: Final = 15.0
_OPTIONAL: Final = ("interrupt_mode", "metadata")
_LANGUAGES: Final = {"text/x-macaulay2": "Macaulay2"}

KernelEntry: TypeAlias = dict[str, Any]
"""``{name, display_name, language, interrupt_mode?, env, metadata?, resource_dir, argv}``."""

FindSpecs: TypeAlias = Callable[[], Mapping[str, Any]]
"""``KernelSpecManager.get_all_specs`` or the like; it may block."""


def entries_from_specs(specs: Mapping[str, Any]) -> list[KernelEntry]:
    """Return the entries of ``{name: {"resource_dir", "spec"}}``, by what people call them."""
    entries = [_entry(name, found) for name, found in specs.items()]
    return sorted(entries, key=lambda entry: (entry["display_name"], entry["name"]))


def _entry(name: str, found: Mapping[str, Any]) -> KernelEntry:
    spec = found["spec"]
    language = str(spec.get("language") or "")
    entry = {
        "name": name.lower(),
        "display_name": str(spec.get("display_name") or name),
        "language": _LANGUAGES.get(language, language),
        "env": dict(spec.get("env") or {}),
        "resource_dir": str(found.get("resource_dir") or ""),
        "argv": list(spec.get("argv") or []),
    }
    return entry | {key: spec[key] for key in _OPTIONAL if spec.get(key)}


class KernelSpecs:
    """The list of installed kernels, at most ``KEPT_S`` seconds old."""

    def __init__(
        self, find: FindSpecs | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._find = find or KernelSpecManager().get_all_specs
        self._clock = clock
        self._look: asyncio.Task[list[KernelEntry]] | None = None
        self._entries: list[KernelEntry] = []
        self._found_at = float("-inf")

    async def entries(self, *, fresh: bool = False) -> list[KernelEntry]:
        """Return all entries; ``fresh`` looks for them even if that was done just now.

        Raises what looking raises. The entries are shared: do not change them.
        """
        if not fresh and self._clock() - self._found_at <= KEPT_S:
            return self._entries
        if self._look is None:
            self._look = asyncio.create_task(self._look_for_specs(), name="looking for kernels")
        return await asyncio.shield(self._look)

    async def get(self, name: str) -> KernelEntry:
        """Return the kernel of this name, in whatever case.

        One that was installed a moment ago is found too. Raises ``KernelSpecNotFoundError``.
        """
        for fresh in (False, True):
            for entry in await self.entries(fresh=fresh):
                if entry["name"] == name.lower():
                    return entry
        raise KernelSpecNotFoundError(name, [entry["name"] for entry in self._entries])

    async def _look_for_specs(self) -> list[KernelEntry]:
        try:
            entries = entries_from_specs(await asyncio.to_thread(self._find))
            self._entries, self._found_at = entries, self._clock()
            return entries
        finally:
            self._look = None
