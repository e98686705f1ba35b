"""Cells: nbformat's on one side, records on the other (syncdoc-jupyter §3.3, §7).

The translation is made part by part, so that a bridge can carry over just the part that
changed: text, type, outputs, execution count, metadata, attachments.

Whether a cell is trusted is no part of it, though Jupyter has it among the metadata while a
notebook is open: CoCalc trusts notebooks (``settings.trust``), and files do not have it either.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from .attachments import image_type
from .blobs import BlobSink, BlobSource, Elsewhere, reference_of
from .live_outputs import live_output
from .outputs import messages_from_outputs, output_from_message

__all__ = ["PARTS", "cell_from_record", "fields_from_cell", "record_from_cell"]

_TYPES: Final = ("code", "markdown", "raw")
_FLAGS: Final = ("collapsed", "scrolled")
_STDIN_OUTPUTS: Final = "outputs"
_COCALC: Final = "cocalc"
_TRUSTED: Final = "trusted"

Cell = Mapping[str, Any]


def record_from_cell(cell: Cell, *, cell_id: str, position: float, put: BlobSink) -> dict[str, Any]:
    """Return the record of a new cell; what is empty is left out."""
    record: dict[str, Any] = {"type": "cell", "id": cell_id, "pos": position}
    for part in PARTS:
        record.update(fields_from_cell(cell, part, put))
    return {name: value for name, value in record.items() if value is not None}


def fields_from_cell(cell: Cell, part: str, put: BlobSink) -> dict[str, Any]:
    """Return the fields that hold one of ``PARTS``; null where there is nothing to hold."""
    return _FIELDS[part](cell, put)


def cell_from_record(
    record: Mapping[str, Any], get: BlobSource, *, live: bool = False
) -> dict[str, Any]:
    """Return the whole cell of a record as nbformat 4.5 has it.

    With ``live`` it is for the shared types: questions can be answered there (``live_outputs``).
    """
    kind = _type(record)
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": str(record.get("id")),
        "source": str(record.get("input") or ""),
        "metadata": _metadata(record, live=live),
    }
    if kind == "code":
        cell["execution_count"] = record.get("exec_count")
        cell["outputs"] = _outputs(record, get, live=live)
    elif attachments := _attachments(record, get):
        cell["attachments"] = attachments
    return cell


def _type(record: Mapping[str, Any]) -> str:
    """Return the type of a cell; of a type that notebooks do not know, the text is kept raw."""
    kind = record.get("cell_type") or "code"
    return kind if kind in _TYPES else "raw"


def _source_fields(cell: Cell, _put: BlobSink) -> dict[str, Any]:
    source = cell.get("source", "")
    return {"input": "".join(source) if isinstance(source, list) else source}


def _type_fields(cell: Cell, _put: BlobSink) -> dict[str, Any]:
    return {"cell_type": cell.get("cell_type") or "code"}


def _count_fields(cell: Cell, _put: BlobSink) -> dict[str, Any]:
    return {"exec_count": cell.get("execution_count")}


def _output_fields(cell: Cell, put: BlobSink) -> dict[str, Any]:
    """Return the outputs as a map, so that appending one is a small change (§3.5)."""
    restored = _stdin_messages(cell)
    messages = messages_from_outputs(cell.get("outputs") or [], put)
    numbered = ((str(index), message) for index, message in enumerate(messages))
    return {"output": {key: restored.get(key) or message for key, message in numbered} or None}


def _stdin_messages(cell: Cell) -> Mapping[str, Any]:
    """Return the questions that an export turned into text, by the number of the output."""
    kept = (cell.get("metadata") or {}).get(_COCALC)
    outputs = kept.get(_STDIN_OUTPUTS) if isinstance(kept, Mapping) else None
    return outputs if isinstance(outputs, Mapping) else {}


def _metadata_fields(cell: Cell, _put: BlobSink) -> dict[str, Any]:
    metadata = _without_trust(cell.get("metadata") or {})
    fields: dict[str, Any] = {flag: metadata.pop(flag, None) or None for flag in _FLAGS}
    fields["tags"] = _tags(metadata)
    fields["slide"] = _slide(metadata)
    fields["metadata"] = metadata or None
    return fields


def _without_trust(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name != _TRUSTED}


def _tags(metadata: dict[str, Any]) -> dict[str, bool] | None:
    """Take the tags out of the metadata; what is not a list of names stays there."""
    tags = metadata.get("tags")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return None
    del metadata["tags"]
    return dict.fromkeys(tags, True) or None


def _slide(metadata: dict[str, Any]) -> str | None:
    """Take the type of slide out of the metadata; other settings of the show stay there."""
    show = metadata.get("slideshow")
    slide = show.get("slide_type") if isinstance(show, Mapping) else None
    if not isinstance(slide, str) or not isinstance(show, Mapping):
        return None
    rest = {name: value for name, value in show.items() if name != "slide_type"}
    if rest:
        metadata["slideshow"] = rest
    else:
        del metadata["slideshow"]
    return slide


def _attachment_fields(cell: Cell, _put: BlobSink) -> dict[str, Any]:
    attachments = {}
    for name, bundle in (cell.get("attachments") or {}).items():
        if bundle:
            # There is one; of several, that which the name speaks of: it is exported by its name.
            value = bundle.get(image_type(name), bundle[max(bundle)])
            joined = "".join(value) if isinstance(value, list) else value
            attachments[name] = {"type": "base64", "value": joined}
    return {"attachments": attachments or None}


_FIELDS: Final[Mapping[str, Callable[[Cell, BlobSink], dict[str, Any]]]] = {
    "source": _source_fields,
    "cell_type": _type_fields,
    "outputs": _output_fields,
    "execution_count": _count_fields,
    "metadata": _metadata_fields,
    "attachments": _attachment_fields,
}

PARTS: Final = tuple(_FIELDS)
"""The keys of an nbformat cell that are carried over one by one."""


def _metadata(record: Mapping[str, Any], *, live: bool) -> dict[str, Any]:
    kept = record.get("metadata")
    metadata = _without_trust(kept) if isinstance(kept, Mapping) else {}
    metadata.update({flag: True for flag in _FLAGS if record.get(flag)})
    if isinstance(tags := record.get("tags"), Mapping) and tags:
        metadata["tags"] = sorted(tag for tag, is_set in tags.items() if is_set)
    if slide := record.get("slide"):
        metadata["slideshow"] = {**_map(metadata.get("slideshow")), "slide_type": slide}
    questions = {
        number: message
        for number, message in _messages(record)
        if isinstance(message, Mapping) and message.get("name") == "input"
    }
    if questions and not live:
        metadata[_COCALC] = {**_map(metadata.get(_COCALC)), _STDIN_OUTPUTS: questions}
    return metadata


def _map(value: object) -> Mapping[str, Any]:
    """Return a map, or an empty one instead of anything else."""
    return value if isinstance(value, Mapping) else {}


def _outputs(record: Mapping[str, Any], get: BlobSource, *, live: bool) -> list[dict[str, Any]]:
    return [
        (live_output(message) if live else None) or output_from_message(message, get)
        for _number, message in _messages(record)
        if isinstance(message, Mapping)
    ]


def _messages(record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the messages in the order of their numbers; other keys are no messages."""
    output = record.get("output")
    if not isinstance(output, Mapping):
        return []
    numbered = [item for item in output.items() if item[0].isascii() and item[0].isdecimal()]
    return sorted(numbered, key=lambda item: int(item[0]))


def _attachments(record: Mapping[str, Any], get: BlobSource) -> dict[str, Any]:
    """Return the attached pictures; a file that is being read, or could not be, is none (§3.6)."""
    kept = record.get("attachments")
    if not isinstance(kept, Mapping):
        return {}
    values = {name: _attached(entry, get) for name, entry in kept.items()}
    return {name: {image_type(name): value} for name, value in values.items() if value is not None}


def _attached(entry: object, get: BlobSource) -> Any:
    """Return the base64 text of an attachment, or None."""
    if not isinstance(entry, Mapping):
        return None
    if entry.get("type") == "base64":
        return entry.get("value")
    blob = reference_of(entry.get("value")) if entry.get("type") == "sha1" else None
    found = None if blob is None else get(blob)
    content = found.read() if isinstance(found, Elsewhere) else found
    return None if content is None else base64.b64encode(content).decode("ascii")
