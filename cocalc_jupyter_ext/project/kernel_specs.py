"""The kernels that a project can start, and their logos (syncdoc-jupyter §4.8, §4.10)."""

import base64
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ..conat.services.worker_threads import in_thread
from ..kernels.kernelspecs import FindSpecs
from ..kernels.kernelspecs import KernelSpecs as InstalledKernels
from .arguments import Arguments
from .dispatch import ApiError, ApiFunction

__all__ = ["KernelSpecs"]

LOGOS_KEPT_S: Final = 3_600.0
MAX_LOGO_BYTES: Final = 1_000_000
MAX_LOGOS: Final = 1_000


class KernelSpecs:
    """Functions about kernels; what was found is kept for a while. ``clock`` is in seconds."""

    def __init__(self, find: FindSpecs, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._installed = InstalledKernels(find, clock)
        self._logos: dict[str, tuple[dict[str, Any], float]] = {}

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {"editor.jupyterKernels": self.kernels, "editor.jupyterKernelLogo": self.logo}

    async def kernels(self, options: object = None) -> list[dict[str, Any]]:
        """Return all kernels, by the names that people see."""
        fresh = Arguments("editor.jupyterKernels", options).flag("noCache")
        return await self._installed.entries(fresh=fresh)

    async def logo(self, name: object, options: object = None) -> dict[str, Any]:
        """Return the best logo of a kernel: the drawing, else the larger picture.

        Without one the base64 is empty and there is no file name. Raises ApiError for an
        unknown kernel.
        """
        arguments = Arguments("editor.jupyterKernelLogo", options)
        if not isinstance(name, str):
            raise ApiError("editor.jupyterKernelLogo: the name of a kernel must be a text")
        key, fresh = name.lower(), arguments.flag("noCache")
        kept = self._logos.get(key)
        if kept is None or fresh or self._clock() - kept[1] > LOGOS_KEPT_S:
            specs = {spec["name"]: spec for spec in await self.kernels({"noCache": fresh})}
            if key not in specs:
                raise ApiError(f"there is no kernel '{name[:100]}'; see editor.jupyterKernels")
            kept = (await in_thread(_logo, Path(specs[key]["resource_dir"])), self._clock())
            self._logos[key] = kept
            while len(self._logos) > MAX_LOGOS:
                del self._logos[next(iter(self._logos))]
        return kept[0]


def _logo(folder: Path) -> dict[str, Any]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.startswith("logo-"))  # noqa: PTH208 - names are what is compared
    except OSError:  # a kernel may have no folder of its own
        names = []
    for name in reversed(names):
        file = folder / name
        if file.is_file() and file.stat().st_size <= MAX_LOGO_BYTES:
            return {"filename": name, "base64": base64.b64encode(file.read_bytes()).decode()}
    return {"base64": ""}
