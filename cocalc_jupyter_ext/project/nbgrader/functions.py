"""What clients ask of the project to grade notebooks (syncdoc-jupyter §4.10, §9.6)."""

import json
import posixpath
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from jupyter_client.kernelspec import KernelSpecManager

from ...conat.client.identifiers import random_id
from ...conat.services.folder import FileRefused, Folder
from ...conat.services.worker_threads import in_thread
from ...kernels.standalone.host import LocalKernels
from ...kernels.standalone.kernel import kernel
from ..arguments import Arguments, path_of
from ..concurrency import ConcurrencyLimit
from ..dispatch import ApiFunction
from .errors import AssignmentError
from .limits import RunLimits
from .run_notebook import kernel_of, run_notebook
from .strip import stripped

__all__ = ["NbgraderFunctions"]

_STRIP: Final = "editor.jupyterStripNotebook"
_RUN: Final = "editor.jupyterRunNotebook"

MAX_FILE_BYTES: Final = 150_000_000
MAX_RUNNING: Final = 4
MAX_WAITING: Final = 30

_QUIET: Final = {"PYTHONWARNINGS": "ignore"}


class NbgraderFunctions:
    """Strips and runs the notebooks below ``home``; four run at a time, thirty more may wait.

    ``find_specs`` returns the kernels that there are; by default those of this machine. Before
    a notebook is read, ``save`` is called with its path, so that the newest edits of an open one
    are in its file.
    """

    def __init__(
        self,
        home: Path,
        find_specs: Callable[[], KernelSpecManager] = KernelSpecManager,
        save: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._home = home
        self._save = save
        self._folder = Folder(home)
        self._find_specs = find_specs
        self._concurrency = ConcurrencyLimit(
            "notebooks to run", running=MAX_RUNNING, waiting=MAX_WAITING
        )

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {_STRIP: self.strip, _RUN: self.run}

    async def strip(self, path: object) -> str:
        """Return a notebook as JSON without outputs and attachments.

        Raises AssignmentError for what is not a notebook, and FileRefused.
        """
        wanted = path_of(path, f"{_STRIP}: the path")
        if self._save is not None:
            await self._save(posixpath.normpath(wanted))
        content = await in_thread(self._read, wanted)
        return json.dumps(stripped(_notebook(content)))

    async def run(self, options: object) -> str:
        """Return the notebook in ``ipynb`` as JSON with the outputs of all its code cells.

        ``{path, ipynb, nbgrader?, limits?}``: ``path`` is the folder in which it runs, ``limits``
        are ``RunLimits``. Raises AssignmentError, and FileRefused.
        """
        arguments = Arguments(_RUN, options)
        notebook = _notebook(arguments.text("ipynb"))
        limits = _limits(arguments.mapping("limits", {}))
        name, folder = kernel_of(notebook), arguments.path("path", "")
        async with self._concurrency.slot():
            file = await in_thread(self._write, folder, arguments.text("ipynb"))
            try:
                return json.dumps(await self._run(notebook, limits, name, file))
            finally:
                await in_thread(file.unlink, True)

    async def _run(
        self, notebook: dict[str, Any], limits: RunLimits, name: str, file: Path
    ) -> dict[str, Any]:
        host = LocalKernels(specs=self._find_specs())
        try:
            return await run_notebook(
                notebook,
                limits,
                lambda: kernel(name, str(file), cwd=str(file.parent), env=_QUIET, host=host),
            )
        finally:
            await host.close()

    def _read(self, path: str) -> str:
        with self._folder.open(path) as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise FileRefused(path, f"it is larger than {MAX_FILE_BYTES // 10**6} MB")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise AssignmentError(f"{path} is not a notebook: {error}") from error

    def _write(self, folder: str, content: str) -> Path:
        """Write the notebook under a name that nobody has; return where, links resolved."""
        name = f".{random_id()}.ipynb"
        path = f"{folder.rstrip('/')}/{name}" if folder.strip("/") else name
        with self._folder.create(path) as file:
            file.write(content.encode(errors="surrogatepass"))
            file.commit()
        real = (self._home / path).resolve()
        if not real.is_relative_to(self._home.resolve()):
            raise FileRefused(path, "this is outside of the project's files")
        return real


def _notebook(text: str) -> dict[str, Any]:
    if len(text) > MAX_FILE_BYTES:
        raise AssignmentError(f"a notebook has at most {MAX_FILE_BYTES // 10**6} MB")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AssignmentError(f"this is not a notebook: {error}") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells", []), list):
        raise AssignmentError("this is not a notebook: it has no list of cells")
    if not all(isinstance(cell, dict) for cell in notebook.get("cells", [])):
        raise AssignmentError("this is not a notebook: a cell is not an object")
    return notebook


def _limits(values: Any) -> RunLimits:
    limits = Arguments(f"{_RUN}: limits", values)
    return RunLimits(
        max_total_time_ms=limits.number("max_total_time_ms", 0),
        max_time_per_cell_ms=limits.number("max_time_per_cell_ms", 0),
        max_output=limits.number("max_output", 0),
        max_output_per_cell=limits.number("max_output_per_cell", 0),
    )
