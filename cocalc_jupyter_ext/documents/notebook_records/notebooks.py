"""Whole notebooks: files of nbformat on one side, records on the other (syncdoc §3.4, §7)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ..syncdoc.records import Record, RecordSchema
from .blobs import BlobSink, BlobSource
from .cells import cell_from_record, record_from_cell
from .positions import in_order

__all__ = ["NOTEBOOK_SCHEMA", "metadata_of", "notebook_from_records", "records_from_notebook"]

NOTEBOOK_SCHEMA: Final = RecordSchema(("type", "id"), frozenset({"input"}))

NBFORMAT: Final = 4
NBFORMAT_MINOR: Final = 5


def records_from_notebook(
    notebook: Mapping[str, Any], put: BlobSink, *, ids: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the records of a notebook of nbformat 4 whose cells have ids.

    ``ids`` are those of the cells that are loaded already: a cell keeps the id of its place, so
    that loading a file again edits the same cells (§7.1).
    """
    records: list[dict[str, Any]] = []
    used = set(ids)
    for index, cell in enumerate(notebook.get("cells", ())):
        cell_id = ids[index] if index < len(ids) else _free_id(str(cell["id"]), used)
        used.add(cell_id)
        records.append(record_from_cell(cell, cell_id=cell_id, position=index, put=put))
    return [*records, _settings(notebook.get("metadata") or {})]


def notebook_from_records(
    records: Iterable[Record], get: BlobSource, *, kernelspec: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a notebook of nbformat 4.5 with its blobs in place.

    ``kernelspec`` is what is known of the kernel that the settings name.
    """
    records = list(records)
    cells = in_order(record for record in records if record.get("type") == "cell")
    settings: Record = next((r for r in records if r.get("type") == "settings"), {})
    return {
        "cells": [cell_from_record(cell, get) for cell in cells],
        "metadata": _notebook_metadata(settings, kernelspec),
        "nbformat": NBFORMAT,
        "nbformat_minor": NBFORMAT_MINOR,
    }


def metadata_of(record: Record) -> Mapping[str, Any]:
    """Return the metadata of a cell or of the notebook, where a client wrote such."""
    metadata = record.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _free_id(wanted: str, used: set[str]) -> str:
    """Return an id that no cell has; of two cells with one id, the later one gets a new one."""
    number = 1
    free = wanted
    while free in used:
        number += 1
        free = f"{wanted}-{number}"
    return free


def _settings(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings record. It has no id (§2.4)."""
    rest = {name: value for name, value in metadata.items() if name != "kernelspec"}
    settings: dict[str, Any] = {"type": "settings"}
    kernelspec = metadata.get("kernelspec")
    name = kernelspec.get("name") if isinstance(kernelspec, Mapping) else None
    if isinstance(name, str):
        settings["kernel"] = name.lower()
    return {**settings, "metadata": rest} if rest else settings


def _notebook_metadata(settings: Record, kernelspec: Mapping[str, Any] | None) -> dict[str, Any]:
    metadata = dict(metadata_of(settings))
    kernel = settings.get("kernel")
    if kernel and isinstance(kernel, str):
        metadata["kernelspec"] = {"display_name": kernel, **(kernelspec or {}), "name": kernel}
    return metadata
