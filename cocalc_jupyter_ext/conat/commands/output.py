"""How the subcommands of ``conat`` write what they have to say.

Results go to standard output, one line of JSON each with ``--json``; what is about the
run itself goes to standard error. In JSON, bytes are ``{"base64": "…"}``.
"""

import base64
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from ..client.subscription import Message
from ..errors import CodecError
from ..protocol.codec import Encoding, to_json

__all__ = ["announce", "message_as_json", "message_as_text", "note", "show", "show_message"]


def show(text: str) -> None:
    """Write a result, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def announce(ready: Mapping[str, object]) -> None:
    """Write the one line by which a server says that it is ready, where, and which process."""
    show(json.dumps({"ready": True, **ready, "pid": os.getpid()}))


def note(text: str) -> None:
    """Write something about the run."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def show_message(message: Message, *, as_json: bool) -> None:
    """Write a message; what cannot be decoded is written as bytes, with the reason."""
    show(message_as_json(message) if as_json else message_as_text(message))


def message_as_json(message: Message) -> str:
    """Return ``{subject, data, headers?, encoding, bytes, error?}`` on one line."""
    value, error = _decoded(message)
    line: dict[str, object] = {"subject": message.subject, "data": value}
    if message.headers is not None:
        line["headers"] = message.headers
    line["encoding"] = _encoding_name(message.encoding)
    line["bytes"] = len(message.raw)
    if error is not None:
        line["error"] = error
    return _json(line)


def message_as_text(message: Message) -> str:
    """Return the subject with its headers on a line, and the value below it."""
    value, error = _decoded(message)
    lines = [f"[{message.subject}] {len(message.raw):,} bytes"]
    if message.headers is not None:
        lines.append(_header_lines(message.headers))
    if error is not None:
        lines.append(f"cannot be decoded: {error}")
    lines.append(value if isinstance(value, str) else _json(value))
    return "\n".join(lines)


def _header_lines(headers: object) -> str:
    if not isinstance(headers, Mapping):
        return f"headers: {_json(headers)}"
    return "\n".join(f"{key}: {_json(value)}" for key, value in headers.items())


def _decoded(message: Message) -> tuple[Any, str | None]:
    try:
        return message.data, None
    except CodecError as error:
        return message.raw, str(error)


def _encoding_name(encoding: int) -> str | int:
    return Encoding(encoding).name.lower() if encoding in set(Encoding) else encoding


def _json(value: object) -> str:
    return to_json(value, binary=lambda raw: {"base64": base64.b64encode(raw).decode()})
