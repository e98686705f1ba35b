"""The value that a subcommand of ``conat`` sends, from its options."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import CodecError
from ..protocol.codec import Encoding, encode, from_json
from ..types import JsonObject
from .command_line import UsageError

__all__ = ["Payload", "read_payload"]


@dataclass(frozen=True, slots=True)
class Payload:
    """An encoded value with its headers (None: no headers)."""

    raw: bytes
    encoding: int
    headers: JsonObject | None


def read_payload(options: argparse.Namespace, stdin: BinaryIO | None = None) -> Payload:
    """Return what is to be sent.

    Raises UsageError for options that contradict each other, OSError for a file that
    cannot be read, CodecError for what is not of the type or does not fit the encoding.
    """
    if options.value is not None and options.data is not None:
        raise UsageError("give either a value or --data, not both")
    encoding = Encoding[options.encoding.upper()]
    value = _value(options, stdin or sys.stdin.buffer)
    return Payload(encode(value, encoding), encoding, dict(options.header) or None)


def _value(options: argparse.Namespace, stdin: BinaryIO) -> object:
    if options.value is None and options.data is None:
        return None
    content = _content(options, stdin)
    if options.type == "bytes":
        return content
    if options.type == "json":
        return from_json(content)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise CodecError("the value is not UTF-8 text; use --type bytes") from error


def _content(options: argparse.Namespace, stdin: BinaryIO) -> bytes:
    if options.value is not None:
        # Bytes of the command line that are no UTF-8 come as halves of characters.
        return str(options.value).encode("utf-8", "surrogateescape")
    return stdin.read() if options.data == "-" else Path(options.data).read_bytes()
