"""What a project can do, by the programs that are there (hub-project-api §4.11)."""

import asyncio
import logging
import re
import shutil
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from ..conat.services.worker_threads import in_thread
from .browsers import find_browser
from .dispatch import ApiError, ApiFunction
from .formatting.programs import available
from .processes import Limits, Start, child_environment, run, search_path

__all__ = ["ASPECTS", "Configuration"]

_log = logging.getLogger(__name__)

ASPECTS: Final = ("main", "x11")
PROBE_EVERY_S: Final = 15.0
_SAGE_TIMEOUT_S: Final = 10.0
_SAGE_OUTPUT: Final = 1_000
_HASHES: Final = ("sha1sum", "sha256sum", "md5sum")
_LATEX: Final = ("pdflatex", "latexmk", "synctex", "sha1sum")
_PROGRAMS: Final = {
    "x11": "xpra",
    "rmd": "R",
    "qmd": "quarto",
    "jq": "jq",
    "spellcheck": "aspell",
    "sshd": "/usr/sbin/sshd",
    "pandoc": "pandoc",
    "vscode": "code-server",
    "julia": "julia",
    "rserver": "rserver",
    "sage": "sage",
}
_LIBRARY: Final = Path("/ext/library/cocalc-examples/index.json")
_X11_APPS: Final = (
    "xterm",
    "emacs",
    "gvim",
    "firefox",
    "libreoffice",
    "inkscape",
    "gimp",
    "octave",
    "texmaker",
    "code",
)


class Configuration:
    """Looks for programs, once, and again when it is told not to rely on that.

    ``clock`` is the time of day in seconds.
    """

    def __init__(
        self,
        home: Path,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._home = home
        self._environ = environ
        self._clock = clock
        self._found: dict[str, tuple[dict[str, Any], float]] = {}
        self._probing = asyncio.Lock()

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {"system.configuration": self.configuration}

    async def configuration(self, aspect: object, no_cache: object = False) -> dict[str, Any]:
        """Return ``{timestamp, capabilities}``; raises ApiError for an unknown aspect."""
        if aspect not in ASPECTS:
            raise ApiError(f"system.configuration: the aspect must be one of {', '.join(ASPECTS)}")
        async with self._probing:
            kept = self._found.get(str(aspect))
            now = self._clock()
            if kept is None or (no_cache and now - kept[1] >= PROBE_EVERY_S):
                probe = self._main if aspect == "main" else self._x11
                capabilities = await in_thread(probe)
                if capabilities.get("sage"):
                    capabilities |= await self._sage_version()
                told = {"timestamp": round(now * 1000), "capabilities": capabilities}
                kept = self._found[str(aspect)] = (told, now)
            return kept[0]

    def _main(self) -> dict[str, Any]:
        path = search_path(self._environ, self._home)
        return {
            "jupyter": _jupyter(),
            "formatting": available(path, self._home),
            "hashsums": {name: _has(name, path) for name in _HASHES},
            "latex": all(_has(name, path) for name in _LATEX),
            "html2pdf": find_browser(path) is not None,
            "library": _LIBRARY.is_file(),
            "homeDirectory": str(self._home.resolve()),
            **{name: _has(program, path) for name, program in _PROGRAMS.items()},
        }

    def _x11(self) -> dict[str, bool]:
        path = search_path(self._environ, self._home)
        return {name: _has(name, path) for name in _X11_APPS}

    async def _sage_version(self) -> dict[str, list[int]]:
        """Return ``{sage_version}`` as numbers, or nothing if Sage does not tell it."""
        path = search_path(self._environ, self._home)
        env = child_environment(self._environ, PATH=path)
        start = Start(["sage", "--version"], self._home, env)
        try:
            said = (await run(start, Limits(_SAGE_TIMEOUT_S, _SAGE_OUTPUT))).stdout
        except ApiError as error:
            _log.warning("clients are not told the version of Sage: %s", error)
            return {}
        found = re.search(r"\d+(?:\.\d+)+", said)
        return {"sage_version": [int(part) for part in found[0].split(".")]} if found else {}


def _has(program: str, path: str) -> bool:
    return shutil.which(program, path=path) is not None


def _jupyter() -> dict[str, bool] | bool:
    """Return which parts of Jupyter this very environment has."""
    parts = {"lab": "jupyterlab", "notebook": "notebook", "kernelspec": "jupyter_client"}
    found = {name: find_spec(module) is not None for name, module in parts.items()}
    return found if any(found.values()) else False
