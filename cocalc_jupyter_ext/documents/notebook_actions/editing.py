"""The text, the type and the attachments of cells (pure; syncdoc-jupyter §3.3, §3.6)."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from ..syncdoc.records import Record, Records
from .changes import Change, set_cell
from .errors import InvalidActionError
from .placing import require_cell_type
from .reading import cell_type_of, input_of, require_editable

__all__ = [
    "attach",
    "attach_file",
    "attachment_name",
    "attachments_of",
    "delete_attachment",
    "set_cell_heading",
    "set_cell_input",
    "set_cell_type",
]

MAX_HEADING: Final = 6
_HEADING: Final = re.compile(r"\s*#{1,6}[ \t]+")

_ONLY_OF_CODE: Final = ("output", "start", "end", "collapsed", "scrolled")


def set_cell_input(records: Records, cell_id: str, text: str) -> list[Change]:
    """Give a cell a new text; when it ran last no longer counts.

    Raises UnknownCellError, NotEditableError, InvalidActionError.
    """
    if not isinstance(text, str):
        raise InvalidActionError(f"the input of a cell is text, not {type(text).__name__}")
    cell = require_editable(records, cell_id)
    if cell.get("input") == text:
        return []
    return [set_cell(cell_id, input=text, start=None, end=None)]


def set_cell_type(records: Records, cell_id: str, cell_type: str) -> list[Change]:
    """Change the type; what only code has goes. Raises as ``set_cell_input``."""
    require_cell_type(cell_type)
    cell = require_editable(records, cell_id)
    if cell_type_of(cell) == cell_type:
        return []
    gone = {} if cell_type == "code" else dict.fromkeys(_ONLY_OF_CODE)
    return [set_cell(cell_id, cell_type=cell_type, **gone)]


def set_cell_heading(records: Records, cell_id: str, level: int) -> list[Change]:
    """Make a cell markdown that begins with a heading of level 1 to 6 (§12.3)."""
    if isinstance(level, bool) or level not in range(1, MAX_HEADING + 1):
        raise InvalidActionError(f"a heading has a level from 1 to {MAX_HEADING}, not {level!r}")
    cell = require_editable(records, cell_id)
    text = f"{'#' * level} {_HEADING.sub('', input_of(cell), count=1)}"
    return [
        *set_cell_type(records, cell_id, "markdown"),
        *set_cell_input(records, cell_id, text),
    ]


def attach(records: Records, cell_id: str, name: str, content: bytes) -> list[Change]:
    """Attach a file to a cell under its ``attachment_name``, in place of an older one.

    Raises UnknownCellError, NotEditableError, InvalidActionError.
    """
    require_editable(records, cell_id)
    if not isinstance(content, bytes | bytearray | memoryview):
        raise InvalidActionError(f"a file is attached as bytes, not {type(content).__name__}")
    entry = {"type": "base64", "value": base64.b64encode(content).decode("ascii")}
    return [set_cell(cell_id, attachments={attachment_name(name): entry})]


def attach_file(records: Records, cell_id: str, name: str, path: str) -> list[Change]:
    """Ask the project to take a file of its own into a cell; raises as ``attach``.

    The entry becomes ``loading`` and then ``sha1``, or ``error`` with a text (§3.6).
    """
    require_editable(records, cell_id)
    if not isinstance(path, str) or not path:
        raise InvalidActionError("the file that is attached needs a path in the project")
    entry = {"type": "load", "value": path}
    return [set_cell(cell_id, attachments={attachment_name(name): entry})]


def delete_attachment(records: Records, cell_id: str, name: str) -> list[Change]:
    """Take an attachment away; raises InvalidActionError where there is none."""
    cell = require_editable(records, cell_id)
    if name not in attachments_of(cell):
        raise InvalidActionError(f"cell {cell_id!r} has no attachment {name!r}")
    return [set_cell(cell_id, attachments={name: None})]


def attachments_of(cell: Record) -> Mapping[str, Any]:
    """Return the attachments by their names."""
    attachments = cell.get("attachments")
    return attachments if isinstance(attachments, Mapping) else {}


def attachment_name(file_name: str) -> str:
    """Return the name by which markdown refers to a file: ``![...](attachment:name)`` (§3.6)."""
    if not file_name:
        raise InvalidActionError("an attachment needs a name")
    return quote(file_name.lower(), safe="!~*'")
