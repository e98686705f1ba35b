"""Converts a notebook because its records say so, and tells everybody how far it is.

A client writes ``{type: "nbconvert", args, state: "start"}``; the project answers in the same
record: ``run``, then ``done`` with an error or none (syncdoc-jupyter §10).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ...conat.errors import ConatError
from ...documents.errors import DocumentError
from ...documents.syncdoc.records import Records
from ...documents.syncdoc.sync_document import SyncDocument
from .orders import ConversionOrder, read_order

__all__ = ["MAX_ERROR", "Convert", "RecordConversion"]

_log = logging.getLogger(__name__)

MAX_ERROR: Final = 100_000
_RECORD: Final = {"type": "nbconvert"}

Convert = Callable[[ConversionOrder], Awaitable[None]]
"""Saves the notebook and converts it; raises what prevents that."""


class RecordConversion:
    """The conversions of one notebook, one at a time, as its records ask for them."""

    def __init__(
        self,
        document: SyncDocument[Records],
        name: Callable[[], str],
        convert: Convert,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._document = document
        self._name = name
        self._convert = convert
        self._clock = clock
        self._asked = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._disconnect = document.changes.connect(self._look)

    def start(self) -> None:
        """Begin to convert what is asked for."""
        self._worker = asyncio.create_task(self._work(), name="conversions of a notebook")
        self._look()

    async def close(self) -> None:
        """End a conversion in progress, and tell so; calling it again does nothing."""
        self._disconnect()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None

    def _look(self, _before: Records | None = None) -> None:
        if self._record().get("state") == "start":
            self._asked.set()

    async def _work(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            record = self._record()
            if record.get("state") == "start":
                await self._answer(record.get("args"))

    async def _answer(self, args: object) -> None:
        error = "the notebook was closed before it was converted"
        try:
            order = read_order(args, self._name())
            self._write(state="run", start=self._now_ms(), error=None)
            await self._convert(order)
            error = ""
        except (ConatError, DocumentError) as refusal:
            error = str(refusal)
        except Exception as failure:  # noqa: BLE001 - everybody at the notebook is told
            _log.exception("a notebook is not converted")
            error = str(failure) or type(failure).__name__
        finally:
            # Who asks again meanwhile is answered by the conversion that follows.
            if self._record().get("state") != "start" or not self._asked.is_set():
                self._write(state="done", error=error[:MAX_ERROR] or None, time=self._now_ms())

    def _write(self, **fields: Any) -> None:
        self._document.editable().set({**_RECORD, **fields})
        self._document.commit()

    def _record(self) -> Any:
        return self._document.value.get_one(_RECORD) or {}

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)
