"""A notebook with all that its records only name (syncdoc-jupyter §4.6, §4.7, §7.2)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from ...conat.client.client import Client
from ...conat.sync.opening import open_akv
from ..blobs.mirror import mirror_name
from ..notebook_records.blobs import references_in
from ..notebook_records.notebooks import notebook_from_records
from ..syncdoc.records import Record
from .outputs import MORE_OUTPUT, output_map, outputs_of

__all__ = ["load_blobs", "whole_notebook"]

FETCHED_AT_ONCE: Final = 8
BLOB_TIMEOUT_S: Final = 30.0

MoreOutput = Callable[[str], Awaitable[Sequence[Any]]]
"""Returns the messages of a cell that are kept outside of its notebook."""


async def load_blobs(
    client: Client, project_id: str, path: str, ids: Iterable[str]
) -> dict[str, bytes]:
    """Return what a notebook names by these ids; what is not kept any more is not there.

    Raises ConatError when it cannot be read.
    """
    wanted = list(dict.fromkeys(ids))
    places = asyncio.Semaphore(FETCHED_AT_ONCE)
    async with await open_akv(client, name=mirror_name(path), project_id=project_id) as blobs:

        async def load(blob: str) -> object:
            async with places:
                return await blobs.get(blob, timeout_s=BLOB_TIMEOUT_S)

        tasks = [asyncio.create_task(load(blob)) for blob in wanted]
        try:
            found = zip(wanted, await asyncio.gather(*tasks), strict=True)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return {blob: content for blob, content in found if isinstance(content, bytes)}


async def whole_notebook(
    records: Iterable[Record],
    more_output: MoreOutput,
    load: Callable[[Iterable[str]], Awaitable[dict[str, bytes]]],
) -> dict[str, Any]:
    """Return a notebook of nbformat 4.5 with all its outputs, as far as they are kept."""
    whole = [await _with_more_output(record, more_output) for record in records]
    blobs = await load(blob for record in whole for blob in references_in(record))

    def get(blob: str) -> bytes | None:
        return blobs.get(blob)

    return await asyncio.to_thread(notebook_from_records, whole, get)


async def _with_more_output(record: Record, more_output: MoreOutput) -> Record:
    messages = outputs_of(record)
    if not messages or messages[-1] != MORE_OUTPUT:
        return record
    more = await more_output(record["id"])
    return {**record, "output": output_map([*messages[:-1], *more])} if more else record
