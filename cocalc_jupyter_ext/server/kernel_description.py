"""Notes in a notebook which kernel ran it: names and language (syncdoc-jupyter §7.2).

Pages of JupyterLab do so themselves. Where only CoCalc clients ran cells, nobody else does, and
other programs would not know the language of the file.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from jupyter_ydoc import YNotebook

from ..documents.bridge.shared_cells import edit_metadata, read_metadata
from ..documents.document import LiveDocument
from ..kernels.kernel_queries import KernelQueries
from .notebook_kernels import NotebookKernels

__all__ = ["KernelDescription"]

_SPEC: Final = "kernelspec"
_LANGUAGE: Final = "language_info"

_log = logging.getLogger(__name__)


class KernelDescription:
    """What one notebook says of its kernel; ``close`` it before the document."""

    def __init__(
        self, live: LiveDocument, kernels: NotebookKernels, queries: KernelQueries
    ) -> None:
        self._live = live
        self._kernels = kernels
        self._queries = queries
        self._described: str | None = None
        self._task: asyncio.Task[None] | None = None

    def look(self, kernel_id: str) -> None:
        """Note soon what a kernel is that has just run a cell, once for each kernel."""
        if kernel_id == self._described or (self._task is not None and not self._task.done()):
            return
        if self._says_all_of(kernel_id):
            self._described = kernel_id
            return
        self._task = asyncio.create_task(self._describe(kernel_id), name="describing a kernel")

    async def close(self) -> None:
        """Note nothing any more; calling it again does nothing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _says_all_of(self, kernel_id: str) -> bool:
        metadata = self._metadata()
        chosen, name = _chosen(metadata), self._kernels.name_of(kernel_id) or ""
        spec, language = _map(metadata.get(_SPEC)), _map(metadata.get(_LANGUAGE))
        is_spec_known = not chosen or bool(spec.get("language"))
        return chosen in {"", name.lower()} and is_spec_known and bool(language.get("name"))

    async def _describe(self, kernel_id: str) -> None:
        try:
            spec = await self._kernels.spec_of(kernel_id)
            info = await self._queries.kernel_info(kernel_id)
        except Exception as error:  # noqa: BLE001 - logged; asked again when a cell has run
            _log.info("%s: the kernel is not described yet: %s", self._live.path, error)
            return
        self._described = kernel_id
        before = self._metadata()
        chosen = _chosen(before)
        if chosen not in {"", spec["name"].lower()}:
            return  # Somebody has chosen another one meanwhile.
        after = {**before, _LANGUAGE: dict(_map(info.get("language_info")))}
        if chosen:
            # Where nobody has, that stays open: this must never come after somebody's choice.
            after[_SPEC] = spec
        with self._live.edit():
            edit_metadata(self._notebook, before, after)

    def _metadata(self) -> dict[str, Any]:
        return read_metadata(self._notebook)

    @property
    def _notebook(self) -> YNotebook:
        notebook: YNotebook = self._live.ydoc
        return notebook


def _chosen(metadata: Mapping[str, Any]) -> str:
    """Return the name of the kernel that somebody has chosen, in lower case; empty for none."""
    name = _map(metadata.get(_SPEC)).get("name")
    return name.lower() if isinstance(name, str) else ""


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
