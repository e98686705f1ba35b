"""Outputs: nbformat's on one side, cleaned messages of the kernel on the other (syncdoc §3.5, §7).

A message does not say of which type it is; its shape does. Where the shape alone would give
another type of output, the message keeps ``output_type``, as those read from files do.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..blobs.whole_outputs import size_of_whole, whole_output
from .blobs import BlobSink, BlobSource, Outside, expand_data, extract_data
from .live_outputs import message_from_live_output

__all__ = [
    "MAX_CHARS",
    "MORE_OUTPUT",
    "MORE_OUTPUT_LOST",
    "message_from_output",
    "messages_from_outputs",
    "output_from_message",
]

MAX_CHARS: Final = 250_000
"""What the messages of a cell may have together, as JSON (§4.6)."""

MORE_OUTPUT: Final[Mapping[str, Any]] = {"more_output": True}
"""The message that says that there is more; always last."""

_STREAM: Final = "stream"
_ERROR: Final = "error"
_FRAME_CHARS: Final = 1_000
"""What an output has as JSON beside what its message has."""

MORE_OUTPUT_LOST: Final = "WARNING: Some output was deleted.\n"
"""What stands for output that was kept outside of the notebook and is gone."""


def messages_from_outputs(
    outputs: Sequence[Mapping[str, Any]], put: BlobSink, *, max_chars: int = MAX_CHARS
) -> Iterator[dict[str, Any]]:
    """Yield the messages of a cell's outputs; their blobs go to ``put``.

    What a file holds of long text and figures is in records up to ``max_chars`` of each cell, as
    JSON; a mark says that there is more (§4.6, §7.1). The shared types have all of it.
    """
    sizes = [size_of_whole(output) if isinstance(put, Outside) else None for output in outputs]
    room = max_chars
    for output, size in zip(outputs, sizes, strict=True):
        # As it is kept, a character has up to six; so one that is too long is not even read.
        if size is not None and size > 6 * room + _FRAME_CHARS:
            yield dict(MORE_OUTPUT)
            return
        message = message_from_output(output, put)
        if any(sizes):
            room -= len(json.dumps(message, ensure_ascii=False, separators=(",", ":")))
        if size is not None and room < 0:
            yield dict(MORE_OUTPUT)
            return
        yield message


def message_from_output(output: Mapping[str, Any], put: BlobSink) -> dict[str, Any]:
    """Return the message of one output; its blobs go to ``put``."""
    if isinstance(put, Outside):
        output = whole_output(output, put.get)
    special = message_from_live_output(output)
    if special is not None:
        return special
    kind = output.get("output_type")
    if kind == "stream":
        return {"name": output.get("name", "stdout"), "text": _joined(output.get("text", ""))}
    if kind == "error":
        return {
            "ename": output.get("ename", ""),
            "evalue": output.get("evalue", ""),
            "traceback": _lines(output.get("traceback")),
        }
    if isinstance(output.get("data"), Mapping):
        return _data_message(output, put)
    return dict(output)


def output_from_message(message: Mapping[str, Any], get: BlobSource) -> dict[str, Any]:
    """Return the output of one message; its blobs come from ``get``.

    Whatever a client wrote, the output is one that a file can hold.
    """
    kind = message.get("output_type")
    if message.get("more_output"):
        return _stream("stderr", MORE_OUTPUT_LOST)
    if message.get("name") == "input":
        return _stream("stdout", _dialogue(message))
    if {"name", "text"} <= message.keys() or kind == _STREAM:
        return _stream(str(message.get("name", "stdout")), _joined(message.get("text", "")))
    if isinstance(message.get("data"), Mapping):
        return _data_output(message, get)
    if "ename" in message or kind == _ERROR:
        return {
            "output_type": _ERROR,
            "ename": str(message.get("ename", "")),
            "evalue": str(message.get("evalue", "")),
            "traceback": list(map(str, _lines(message.get("traceback")))),
        }
    return {"output_type": "display_data", **message, "data": {}, "metadata": _metadata(message)}


def _data_message(output: Mapping[str, Any], put: BlobSink) -> dict[str, Any]:
    data = {mime: _joined_data(mime, value) for mime, value in output["data"].items()}
    message: dict[str, Any] = {"data": extract_data(data, put)}
    if output.get("metadata"):
        message["metadata"] = output["metadata"]
    if output.get("transient"):
        message["transient"] = output["transient"]
    count = output.get("execution_count")
    if count is not None:
        message["exec_count"] = count
    if output["output_type"] != _type_by_shape(message):
        message["output_type"] = output["output_type"]
    return message


def _data_output(message: Mapping[str, Any], get: BlobSource) -> dict[str, Any]:
    kind = message.get("output_type")
    if not isinstance(kind, str) or kind in {"", _STREAM, _ERROR}:
        kind = _type_by_shape(message)
    output: dict[str, Any] = {
        "output_type": kind,
        "data": expand_data(message["data"], get),
        "metadata": _metadata(message),
    }
    if message.get("transient"):
        output["transient"] = message["transient"]
    if kind == "execute_result":
        output["execution_count"] = message.get("exec_count")
    return output


def _metadata(message: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = message.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _type_by_shape(message: Mapping[str, Any]) -> str:
    return "execute_result" if "exec_count" in message else "display_data"


def _stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": _STREAM, "name": name, "text": text}


def _dialogue(message: Mapping[str, Any]) -> str:
    """Return a question and its answer as a terminal would show them."""
    options = message.get("opts")
    prompt = options.get("prompt", "") if isinstance(options, Mapping) else ""
    return f"{prompt} {message.get('value', '')}"


def _lines(traceback: object) -> list[Any]:
    """Return the lines of a traceback; what is not a list has none."""
    return list(traceback) if isinstance(traceback, list) else []


def _joined(text: object) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _joined_data(mime: str, value: Any) -> Any:
    """Join the lines of a text; JSON may be a list of strings and stays one."""
    is_text = mime != "application/json" and not mime.endswith("+json")
    return _joined(value) if isinstance(value, list) and is_text else value
