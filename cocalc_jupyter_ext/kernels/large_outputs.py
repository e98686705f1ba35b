"""Outputs of a kernel that are larger than anybody will see, as bytes of JSON (pure).

A text of a gigabyte is cut before it is parsed: parsing it takes seconds, in which nothing else in
the server happens, and several times its memory.
"""

import json
import re
from typing import Any, Final

from ..documents.text_edits import encodable

__all__ = ["LARGE_BYTES", "MAX_OUTPUT_BYTES", "MAX_TEXT_BYTES", "shortened_text", "too_large"]

LARGE_BYTES: Final = 100_000
"""From this size on a message is parsed only when it is needed."""
MAX_OUTPUT_BYTES: Final = 64_000_000
"""What is larger, and no text, is not shown."""
MAX_TEXT_BYTES: Final = 8_000_000
"""Of a longer text this much is kept, half of it from the beginning and half from the end."""

_BEGINNING = re.compile(rb'\s*\{\s*"name"\s*:\s*"(stdout|stderr)"\s*,\s*"text"\s*:\s*"')
_END = re.compile(rb'"\s*\}\s*\Z')
_LONGEST_CHAR: Final = 12
"""Bytes of one character in JSON: a pair of surrogates, each written as an escape sequence."""


def shortened_text(content: bytes | memoryview, max_bytes: int) -> dict[str, Any] | None:
    """Return the content of a stream's message without the middle of its text.

    None if the text is not longer than ``max_bytes``, or is not where every kernel puts it.
    """
    beginning = _BEGINNING.match(content)
    end = _END.search(content, max(0, len(content) - 100))
    if beginning is None or end is None or end.start() - beginning.end() <= max_bytes:
        return None
    first, last = beginning.end(), end.start()
    head = _cut_text(bytes(content[first : first + max_bytes // 2]), from_end=True)
    tail = _cut_text(bytes(content[last - max_bytes // 2 : last]), from_end=False)
    if head is None or tail is None:
        return None
    notice = f"\n[{last - first - max_bytes} bytes are not shown.]\n"
    return {"name": beginning.group(1).decode(), "text": f"{head}{notice}{tail}"}


def too_large(kind: str, size_bytes: int) -> tuple[str, dict[str, Any]]:
    """Return kind and content of the message that stands for an output which is not shown.

    An error stays one: those who look for errors must find it.
    """
    line = f"[An output of {size_bytes / 1_000_000:.0f} MB is too large to be shown.]"
    if kind == "error":
        return kind, {"ename": "Error", "evalue": line, "traceback": [line]}
    return "stream", {"name": "stderr", "text": f"{line}\n"}


def _cut_text(piece: bytes, *, from_end: bool) -> str | None:
    """Read a part of a text in JSON, which may begin or end within a character."""
    for surplus in range(_LONGEST_CHAR):
        part = piece[: len(piece) - surplus] if from_end else piece[surplus:]
        try:
            return encodable(str(json.loads(b'"' + part + b'"')))
        except ValueError:
            continue
    return None
