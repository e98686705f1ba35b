"""What a notebook looks like to those who show it (syncdoc-jupyter §15 "Store fields").

``NotebookModel`` follows the document; what only the project knows, like its kernels, is told to
it with ``learn``.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import filterfalse
from types import MappingProxyType
from typing import Any, Final

from ...conat.errors import RequestTimeout
from ...conat.signals import Signal
from ..syncdoc.disk_save import has_unsaved_changes
from ..syncdoc.records import Record, Records
from ..syncdoc.sync_document import SyncDocument
from ..syncdoc.syncdb import SyncDB
from .errors import UnknownCellError
from .outputs import outputs_of
from .progress import run_progress
from .reading import cells_in_order, metadata_of, require_cell, settings_of
from .running import is_at_rest

__all__ = ["NotebookModel"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class NotebookModel:
    """The state of one notebook, as it is now. Its owner calls ``close``.

    ``changes`` tells the names of the fields that have another value, soon after they got it;
    several changes may be told at once. What is read must not be changed.
    """

    def __init__(self, document: SyncDocument[Records] | SyncDB) -> None:
        self.changes: Signal[[frozenset[str]]] = Signal("changes of a notebook's model")
        self._document = document.document if isinstance(document, SyncDB) else document
        self._learned: dict[str, Any] = {}
        self._cells: Mapping[str, Record] = _NOTHING
        self._is_stale = True
        self._telling: asyncio.Handle | None = None
        self._known = self._fields()
        self._disconnects = [
            self._document.changes.connect(self._note),
            self._document.commits.connect(self._note),
            self._document.record.changes.connect(self._note),
        ]

    # Cells

    @property
    def cell_list(self) -> tuple[str, ...]:
        """The ids of the cells, in order."""
        return tuple(self.cells)

    @property
    def cells(self) -> Mapping[str, Record]:
        """The records of the cells by their ids, in order."""
        if self._is_stale:
            cells = {cell["id"]: cell for cell in cells_in_order(self._document.value)}
            self._cells, self._is_stale = MappingProxyType(cells), False
        return self._cells

    def outputs(self, cell_id: str) -> list[Any]:
        """Return the messages that a cell shows, in order; raises UnknownCellError."""
        return outputs_of(require_cell(self._document.value, cell_id))

    def is_running(self, cell_id: str) -> bool:
        """Return whether a cell runs or waits for that; raises UnknownCellError."""
        return not is_at_rest(require_cell(self._document.value, cell_id))

    @property
    def run_progress(self) -> float:
        """How far the cells have come since the kernel runs, in percent (§4.3)."""
        return run_progress(list(self.cells.values()), self._settings)

    # The kernel

    @property
    def kernel(self) -> str | None:
        """The name of the kernel; None while none was chosen, empty for none on purpose."""
        name = self._settings.get("kernel")
        return name if isinstance(name, str) else None

    @property
    def kernels(self) -> tuple[Mapping[str, Any], ...] | None:
        """The kernels that the project has (§4.8); None while they are not known."""
        return self._learned.get("kernels")

    @property
    def kernels_by_name(self) -> Mapping[str, Mapping[str, Any]]:
        """The known kernels by their names."""
        return {kernel["name"]: kernel for kernel in self.kernels or ()}

    @property
    def kernels_by_language(self) -> Mapping[str, list[str]]:
        """The names of the kernels to choose from, by language; without one they are ``misc``.

        Those that are disabled are not there.
        """
        names: dict[str, list[str]] = {}
        for kernel in filterfalse(_is_disabled, self.kernels or ()):
            names.setdefault(kernel.get("language") or "misc", []).append(kernel["name"])
        return names

    @property
    def backend_state(self) -> str | None:
        """``init``, ``ready``, ``spawning``, ``starting`` or ``running`` (§4.4)."""
        return self._settings.get("backend_state")

    @property
    def kernel_state(self) -> str | None:
        """What the kernel said last: ``idle``, ``busy``, ``starting``, ..."""
        return self._settings.get("kernel_state")

    @property
    def kernel_error(self) -> str:
        """What went wrong with the kernel, as markdown; empty if nothing did."""
        return self._settings.get("kernel_error") or ""

    @property
    def kernel_info(self) -> Mapping[str, Any] | None:
        """What the kernel says about itself (§4.9); None until somebody asked."""
        return self._learned.get("kernel_info")

    @property
    def kernel_usage(self) -> Mapping[str, Any] | None:
        """What the kernel uses of the machine (§4.10), as far as it is known."""
        return self._learned.get("kernel_usage", self._settings.get("kernel_usage"))

    @property
    def start_time(self) -> int | None:
        """When the project opened the notebook, in milliseconds; None until somebody asked."""
        return (self.kernel_info or _NOTHING).get("start_time")

    # The notebook

    @property
    def trust(self) -> bool:
        """Whether outputs may do what their authors like."""
        return bool(self._settings.get("trust"))

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The notebook's metadata, without the kernel."""
        return metadata_of(self._settings)

    @property
    def read_only(self) -> bool:
        """Whether the file cannot be written, so that nobody may edit (§1.16)."""
        return bool(self._document.record.get().get("read_only"))

    @property
    def has_unsaved_changes(self) -> bool:
        """Whether the file lacks something, as far as the record says (§1.17); it takes a while."""
        return has_unsaved_changes(self._document)

    @property
    def has_uncommitted_changes(self) -> bool:
        """Whether something that was edited here is not stored yet."""
        return self._document.has_uncommitted_changes

    @property
    def nbconvert(self) -> Record | None:
        """How far a conversion has come (§10); None where nobody asked for one."""
        return self._document.value.get_one({"type": "nbconvert"})

    @property
    def fatal(self) -> str | None:
        """Why the notebook cannot be loaded; None if it can."""
        record = self._document.value.get_one({"type": "fatal"})
        return None if record is None else str(record.get("error", ""))

    # Following

    def learn(self, **fields: Any) -> None:
        """Take over what only the project knows: ``kernels``, ``kernel_info``, ``kernel_usage``."""
        self._learned.update(fields)
        self._note()

    async def until(
        self, condition: Callable[["NotebookModel"], bool], timeout_s: float | None = None
    ) -> None:
        """Return once a condition holds; raises RequestTimeout, and what the condition raises."""
        changed = asyncio.Event()
        disconnect = self.changes.connect(lambda _fields: changed.set())
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self):
                    changed.clear()
                    await changed.wait()
        except TimeoutError as error:
            raise RequestTimeout(f"the condition was not met within {timeout_s:g} s") from error
        finally:
            disconnect()

    async def until_done(
        self, ids: Sequence[str] | None = None, timeout_s: float | None = None
    ) -> None:
        """Return once cells, by default all, neither run nor wait for that.

        Raises UnknownCellError for a cell that was deleted meanwhile, and RequestTimeout.
        """

        def are_done(model: "NotebookModel") -> bool:
            for cell_id in ids or ():
                if cell_id not in model.cells:
                    raise UnknownCellError(cell_id)
            return not any(map(model.is_running, model.cell_list if ids is None else ids))

        await self.until(are_done, timeout_s)

    def close(self) -> None:
        """End following the document; calling it again does nothing."""
        for disconnect in self._disconnects:
            disconnect()
        self._disconnects = []
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self.changes.clear()

    @property
    def _settings(self) -> Record:
        return settings_of(self._document.value)

    def _note(self, _what: object = None) -> None:
        """Tell soon what has changed: what comes together is told together."""
        self._is_stale = True
        if self._telling is None and self._disconnects:
            self._telling = asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._telling = None
        before, self._known = self._known, self._fields()
        changed = {name for name, value in self._known.items() if value != before[name]}
        if changed:
            self.changes.emit(frozenset(changed))

    def _fields(self) -> dict[str, Any]:
        """Return what is compared; records are never changed, so the same one is equal at once."""
        cells = self.cells
        return {
            "cells": dict(cells),
            "cell_list": tuple(cells),
            "kernel": self.kernel,
            "kernels": self.kernels,
            "backend_state": self.backend_state,
            "kernel_state": self.kernel_state,
            "kernel_error": self.kernel_error,
            "kernel_info": self.kernel_info,
            "kernel_usage": self.kernel_usage,
            "start_time": self.start_time,
            "trust": self.trust,
            "metadata": self.metadata,
            "read_only": self.read_only,
            "nbconvert": self.nbconvert,
            "fatal": self.fatal,
            "run_progress": self.run_progress,
        }


def _is_disabled(kernel: Mapping[str, Any]) -> bool:
    wishes = metadata_of(kernel).get("cocalc")
    return isinstance(wishes, Mapping) and bool(wishes.get("disabled"))
