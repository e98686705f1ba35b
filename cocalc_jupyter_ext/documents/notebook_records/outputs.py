"""Outputs: nbformat's on one side, cleaned messages of the kernel on the other (syncdoc §3.5, §7).

A message does not say of which type it is; its shape does. Where the shape alone would give
another type of output, the message keeps ``output_type``, as those read from files do.
"""

from collections.abc import Mapping
from typing import Any, Final

from ..blobs.whole_outputs import whole_output
from .blobs import BlobSink, BlobSource, Outside, expand_data, extract_data
from .live_outputs import message_from_live_output

__all__ = ["MORE_OUTPUT_LOST", "message_from_output", "output_from_message"]

MORE_OUTPUT_LOST: Final = "WARNING: Some output was deleted.\n"
"""What stands for output that was kept outside of the notebook and is gone."""


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
    """Return the output of one message; its blobs come from ``get``."""
    if message.get("more_output"):
        return _stream("stderr", MORE_OUTPUT_LOST)
    if message.get("name") == "input":
        return _stream("stdout", _dialogue(message))
    if "name" in message and "text" in message:
        return _stream(str(message["name"]), _joined(message["text"]))
    if isinstance(message.get("data"), Mapping):
        return _data_output(message, get)
    if "ename" in message:
        return {
            "output_type": "error",
            "ename": message["ename"],
            "evalue": message.get("evalue", ""),
            "traceback": _lines(message.get("traceback")),
        }
    return {"output_type": "display_data", "data": {}, "metadata": {}, **message}


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
    kind = message.get("output_type") or _type_by_shape(message)
    output = {
        "output_type": kind,
        "data": expand_data(message["data"], get),
        "metadata": message.get("metadata") or {},
    }
    if message.get("transient"):
        output["transient"] = message["transient"]
    if kind == "execute_result":
        output["execution_count"] = message.get("exec_count")
    return output


def _type_by_shape(message: Mapping[str, Any]) -> str:
    return "execute_result" if "exec_count" in message else "display_data"


def _stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def _dialogue(message: Mapping[str, Any]) -> str:
    """Return a question and its answer as a terminal would show them."""
    options = message.get("opts")
    prompt = options.get("prompt", "") if isinstance(options, Mapping) else ""
    return f"{prompt} {message.get('value', '')}"


def _lines(traceback: object) -> list[Any]:
    """Return the lines of a traceback; what is no list has none."""
    return list(traceback) if isinstance(traceback, list) else []


def _joined(text: object) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _joined_data(mime: str, value: Any) -> Any:
    """Join the lines of a text; JSON may be a list of strings and stays one."""
    is_text = mime != "application/json" and not mime.endswith("+json")
    return _joined(value) if isinstance(value, list) and is_text else value
