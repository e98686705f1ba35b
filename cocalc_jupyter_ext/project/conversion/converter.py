"""Converts notebooks with the real nbconvert, beside the notebook (syncdoc-jupyter §10)."""

import glob
import json
import math
import os
import posixpath
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ...conat.client.identifiers import random_id
from ...conat.services.folder import FileRefused, Folder
from ...conat.services.worker_threads import in_thread
from ..arguments import Arguments
from ..browsers import BROWSERS, find_browser
from ..concurrency import ConcurrencyLimit
from ..dispatch import ApiError, ApiFunction
from ..processes import Finished, Limits, Start, child_environment, run, search_path
from .language import check_language
from .orders import PRINTED, ConversionOrder, read_order
from .printing import PRINT_TIMEOUT_S, PrintSettings, print_command

__all__ = ["ConversionFailed", "Converter", "ToolMissing"]

DEFAULT_TIMEOUT_S: Final = 60.0
MAX_TIMEOUT_S: Final = 3_600.0
MAX_RUNNING: Final = 2
MAX_WAITING: Final = 20
MAX_ERROR: Final = 100_000
_FUNCTION: Final = "editor.jupyterNbconvert"

_PANDOC: Final = ("pandoc", "apt-get install pandoc")
_XELATEX: Final = ("xelatex", "apt-get install texlive-xetex texlive-plain-generic")
_TOOLS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "asciidoc": (_PANDOC,),
    "latex": (_PANDOC,),
    "pdf": (_XELATEX, _PANDOC),
    "rst": (_PANDOC,),
}

SaveFirst = Callable[[str], Awaitable[None]]
"""Writes the file of a path from its open document, if it is open; raises what prevents it."""


class ConversionFailed(ApiError):  # noqa: N818 - says what is wrong, as its neighbours do
    """nbconvert or the browser has failed; the text is what it said."""


class ToolMissing(ApiError):  # noqa: N818 - says what is wrong, as its neighbours do
    """A program that the format needs is not installed in this project."""

    def __init__(self, to: str, tools: Sequence[tuple[str, str]]) -> None:
        needed = ", ".join(f"'{name}' ({install})" for name, install in tools)
        super().__init__(f"the format {to} needs a program that is not installed here: {needed}")
        self.tools = tuple(name for name, _ in tools)


class Converter:
    """Converts the notebooks below ``home``, two at a time; some more wait.

    Before, ``save`` is called with the path of the notebook, relative to ``home``, so that the
    newest edits of an open one are in its file.
    """

    def __init__(
        self,
        home: Path,
        environ: Mapping[str, str],
        save: SaveFirst,
        printing: PrintSettings | None = None,
    ) -> None:
        self._home = home
        self._folder = Folder(home)
        self._environ = environ
        self._save = save
        self._printing = printing or PrintSettings()
        self._concurrency = ConcurrencyLimit(
            "conversions", running=MAX_RUNNING, waiting=MAX_WAITING
        )

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {_FUNCTION: self.nbconvert}

    async def nbconvert(self, request: object) -> None:
        """Convert a notebook: ``{args, directory?, timeout?}``, the time in seconds.

        The last of ``args`` is the notebook's path in ``directory``. Raises ConversionRefused,
        ToolMissing, ConversionFailed, KilledCommand, and FileRefused.
        """
        arguments = Arguments(_FUNCTION, request)
        order = read_order(arguments.value("args"))
        directory = arguments.path("directory", "")
        timeout_s = float(arguments.number("timeout", DEFAULT_TIMEOUT_S))
        await self.convert(order, posixpath.join(directory, order.notebook), timeout_s)

    async def convert(
        self, order: ConversionOrder, path: str, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> None:
        """Convert the notebook at a path; raises as ``nbconvert`` does."""
        notebook = await in_thread(self._find, path)
        for name in self._names(path, notebook):
            await self._save(name)
        timeout_s = min(timeout_s or DEFAULT_TIMEOUT_S, MAX_TIMEOUT_S)
        async with self._concurrency.slot():
            with tempfile.TemporaryDirectory(
                prefix="cocalc-nbconvert-", ignore_cleanup_errors=True
            ) as scratch:
                await self._convert(order, notebook, Path(scratch), timeout_s)

    async def _convert(
        self, order: ConversionOrder, notebook: Path, scratch: Path, timeout_s: float
    ) -> None:
        env = self._env()
        browser = find_browser(env["PATH"])
        if order.is_printed and browser is not None:
            await self._print(order, notebook, scratch, browser=browser, timeout_s=timeout_s)
            return
        downloads = order.to == "webpdf" and "--allow-chromium-download" in order.options
        if order.is_printed and not downloads:
            raise ToolMissing(order.to, [(BROWSERS[2], "apt-get install chromium")])
        if order.to == "script":
            check_language(await in_thread(_read_json, notebook))
        if order.to == "pdf":
            await self._typeset(order, notebook, scratch, timeout_s)
            return
        done = await self._nbconvert(order.to, order.options, notebook, scratch, timeout_s)
        self._check(order.to, done)

    async def _typeset(
        self, order: ConversionOrder, notebook: Path, scratch: Path, timeout_s: float
    ) -> None:
        """Make a PDF with TeX under a plain name: TeX does not take ``#`` or ``%`` in names."""
        base = random_id()
        made = notebook.with_name(f"{base}.pdf")
        try:
            options = [*_without_output(order), f"--output={base}"]
            done = await self._nbconvert(order.to, options, notebook, scratch, timeout_s)
            self._check(order.to, done)
            await in_thread(os.replace, made, notebook.with_name(f"{order.base}.pdf"))
        finally:
            await in_thread(_remove, made)

    async def _print(
        self,
        order: ConversionOrder,
        notebook: Path,
        scratch: Path,
        *,
        browser: str,
        timeout_s: float,
    ) -> None:
        """Make HTML beside the notebook, where its pictures are found, and print that."""
        base = f".{order.base}.{random_id()}"
        page, made = notebook.with_name(f"{base}.html"), notebook.with_name(f"{base}.pdf")
        options = [*_without_output(order), *PRINTED[order.to], f"--output={base}"]
        try:
            done = await self._nbconvert("html", options, notebook, scratch, timeout_s)
            self._check(order.to, done)
            start = print_command(
                browser,
                page,
                made,
                profile=scratch,
                env=self._env(),
                settings=self._printing,
            )
            printed = await run(start, Limits(PRINT_TIMEOUT_S, MAX_ERROR))
            if printed.exit_code or not await in_thread(made.is_file):
                raise ConversionFailed(
                    f"the browser could not print: {printed.stderr[-MAX_ERROR:]}"
                )
            await in_thread(os.replace, made, notebook.with_name(f"{order.base}.pdf"))
        finally:
            await in_thread(_remove, page, made)

    async def _nbconvert(
        self, to: str, options: Sequence[str], notebook: Path, scratch: Path, timeout_s: float
    ) -> Finished:
        # In a folder of its own: modules and templates that lie beside the notebook are not
        # taken for those of nbconvert. Results go beside the notebook all the same.
        command = [sys.executable, "-P", "-m", "nbconvert", "--to", to, *options, "--"]
        limit = ["bash", "-c", f'ulimit -t {math.ceil(timeout_s)}; exec "$@"', "nbconvert"]
        start = Start([*limit, *command, glob.escape(str(notebook))], scratch, self._env())
        return await run(start, Limits(timeout_s, MAX_ERROR))

    def _check(self, to: str, done: Finished) -> None:
        if not done.exit_code:
            return
        path = self._env()["PATH"]
        missing = [tool for tool in _TOOLS.get(to, ()) if shutil.which(tool[0], path=path) is None]
        if missing:
            raise ToolMissing(to, missing)
        raise ConversionFailed((done.stderr or done.stdout)[-MAX_ERROR:].strip())

    def _env(self) -> dict[str, str]:
        return child_environment(self._environ, PATH=search_path(self._environ, self._home))

    def _names(self, path: str, notebook: Path) -> list[str]:
        """Return the paths that a notebook may be open under: as it was named, and its own."""
        named = os.path.relpath(self._home / path, self._home)
        own = str(notebook.relative_to(self._home.resolve()))
        return [own] if named == own else [named, own]

    def _find(self, path: str) -> Path:
        """Return where a notebook is, links resolved; raises FileRefused."""
        self._folder.open(path).close()
        real = (self._home / path).resolve()
        if not real.is_relative_to(self._home.resolve()):
            raise FileRefused(path, "this is outside of the project's files")
        return real


def _without_output(order: ConversionOrder) -> list[str]:
    return [option for option in order.options if not option.startswith("--output=")]


def _read_json(notebook: Path) -> object:
    try:
        return json.loads(notebook.read_bytes())
    except ValueError as error:
        raise ConversionFailed(f"this is not a notebook: {error}") from error


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)
