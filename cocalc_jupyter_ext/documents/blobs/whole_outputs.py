"""Outputs of files that are large as they are: long text, figures as JSON (pure).

What ``placeholders`` leaves of an output may still be large. When a file is opened, such an output
is kept beside the document as a whole, as JSON, and this stands for it::

    {"output_type": "display_data", "metadata": {},
     "data": {"text/plain": "the first lines …",
              "application/vnd.cocalc.blob+json": {"output": {"sha1": "…", "size": 1203114}}}}

Its pictures stay named beside it, in ``blobs``. Records have these outputs inline, up to the limit
of a cell (syncdoc-jupyter §4.6, §7.1).
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from .placeholders import PLACEHOLDER, Get, Put
from .values import is_blob_id

__all__ = ["WHOLE_BYTES", "keep_output", "reference_to_output", "size_of_whole", "whole_output"]

WHOLE_BYTES: Final = 65_536
"""Outputs whose JSON is not longer stay in the shared types."""

_PREVIEW_CHARS: Final = 2_000
_OUTPUT: Final = "output"

Output = Mapping[str, Any]


def keep_output(output: Any, put: Put, *, whole_bytes: int = WHOLE_BYTES) -> Any:
    """Return what stands for a large output; others, and what cannot be kept, as they are."""
    if not isinstance(output, Mapping) or reference_to_output(output) is not None:
        return output
    rest, placeholder = _without_placeholder(output)
    content = json.dumps(rest).encode()
    if len(content) <= whole_bytes or json.loads(content) != rest:
        return output
    blob = put(content)
    if blob is None:
        return output
    kept = {**placeholder, _OUTPUT: {"sha1": blob, "size": len(content)}}
    data = {"text/plain": _preview(output), PLACEHOLDER: kept}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def whole_output(output: Any, get: Get) -> Any:
    """Return the output that another one stands for; that itself when it is gone."""
    blob = reference_to_output(output)
    content = None if blob is None else get(blob)
    if content is None:
        return output
    try:
        whole = json.loads(content)
    except ValueError:
        return output
    if not isinstance(whole, dict):
        return output
    placeholder = {k: v for k, v in output["data"][PLACEHOLDER].items() if k != _OUTPUT}
    if placeholder and isinstance(whole.get("data"), dict):
        whole["data"][PLACEHOLDER] = placeholder
    return whole


def reference_to_output(output: object) -> str | None:
    """Return the id of what an output stands for, or None for any other output."""
    data = output.get("data") if isinstance(output, Mapping) else None
    placeholder = data.get(PLACEHOLDER) if isinstance(data, Mapping) else None
    entry = placeholder.get(_OUTPUT) if isinstance(placeholder, Mapping) else None
    blob = entry.get("sha1") if isinstance(entry, Mapping) else None
    return blob if is_blob_id(blob) else None


def size_of_whole(output: object) -> int | None:
    """Return how long the output is that another one stands for, or None for any other output."""
    if not isinstance(output, Mapping) or reference_to_output(output) is None:
        return None
    size = output["data"][PLACEHOLDER][_OUTPUT].get("size")
    return size if isinstance(size, int) else 0


def _without_placeholder(output: Output) -> tuple[dict[str, Any], dict[str, Any]]:
    data = output.get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get(PLACEHOLDER), Mapping):
        return dict(output), {}
    rest = {mime: value for mime, value in data.items() if mime != PLACEHOLDER}
    return {**output, "data": rest}, dict(data[PLACEHOLDER])


def _preview(output: Output) -> str:
    """Return the beginning of the text, for pages that know nothing of placeholders."""
    data = output.get("data")
    text = data.get("text/plain") if isinstance(data, Mapping) else output.get("text")
    if isinstance(output.get("traceback"), list):
        text = "\n".join(map(str, output["traceback"]))
    whole = "".join(map(str, text)) if isinstance(text, list) else str(text or "")
    return whole if len(whole) <= _PREVIEW_CHARS else f"{whole[:_PREVIEW_CHARS]}\n[…]"
