"""From plain content to shared document and back (reference jupyterlab-rtc §4).

``initial_state`` and ``read_update`` build their own private ``Doc``, use it and drop it, so they
may run in a worker thread while the live document goes on.
"""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Final

import jupyter_ydoc
import nbformat
from jupyter_ydoc import YNotebook
from jupyter_ydoc.yunicode import YUnicode
from pycrdt import Array, Doc, Map

from .blobs.notebook import BlobNotebook, with_blobs, without_blobs
from .digests import content_digest, exact_digest, is_notebook
from .errors import FileUnreadableError
from .live_cell_ids import with_live_ids
from .notebook_cells import cell_ids, take_notebook, with_cell_ids
from .room_ids import RoomId
from .storage import Content
from .text_edits import replace_text

__all__ = [
    "InitialState",
    "Rendered",
    "YDocument",
    "YDocumentClasses",
    "checked_state",
    "initial_state",
    "installed_classes",
    "plain_content",
    "read_update",
    "take_content",
    "take_file",
]

_MAX_REASON_CHARS: Final = 200

YDocument = Any
"""An instance of a ``jupyter_ydoc`` class, such as ``YNotebook`` (that package is untyped)."""
YDocumentClasses = Mapping[str, Callable[..., YDocument]]
"""Document class by type, as in the room id."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The plain content of a document and its digest; ``update`` is what it was read from."""

    content: Content
    digest: str
    update: bytes


@dataclass(frozen=True, slots=True)
class InitialState:
    """The first history of a document: as an update, its content's digest, and its name."""

    update: bytes
    digest: str
    epoch: str


def installed_classes() -> YDocumentClasses:
    """Return the document classes of all installed packages, by type; ``file`` is always there."""
    return {"file": YUnicode} | {
        point.name: point.load() for point in entry_points(group="jupyter_ydoc")
    }


def initial_state(make: Callable[..., YDocument], content: Content, *, salt: str) -> InitialState:
    """Build the first history of a document from a file's content.

    Client id 0 and derived cell ids make it the same history each time; ``epoch`` names it, so
    that pages which hold another history are told apart.

    Raises whatever ``jupyter_ydoc`` raises for content that is not of the type.
    """
    ydoc = make(Doc(client_id=0))
    if isinstance(ydoc, YNotebook):
        content = with_cell_ids(content, salt)
    epoch = exact_digest(content, prefix=f"{salt} {jupyter_ydoc.__version__} ")
    ydoc.set(content)
    return InitialState(
        update=bytes(ydoc.ydoc.get_update()),
        digest=content_digest(plain_content(ydoc)),
        epoch=epoch[:32],
    )


def checked_state(
    make: Callable[..., YDocument], content: Content, room_id: RoomId, path: str
) -> InitialState:
    """Build the first history, or say what is wrong: raises FileUnreadableError."""
    try:
        return initial_state(make, content, salt=str(room_id))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"not a valid {room_id.type} ({_what_is_wrong(content, error)})"
        raise FileUnreadableError(path, problem) from error


def _what_is_wrong(content: Content, error: Exception) -> str:
    """Say what the format of notebooks forbids, where it is that; else what the error says."""
    if is_notebook(content):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                nbformat.validate(content)
        except nbformat.ValidationError as found:
            place = "/".join(map(str, found.absolute_path))
            message = found.message.splitlines()[0][:_MAX_REASON_CHARS]
            return f"{message}, in {place}" if place else message
    return f"{type(error).__name__}: {error}"


def read_update(make: Callable[..., YDocument], update: bytes) -> Rendered:
    """Return the plain content that a complete update holds, and its digest."""
    doc: Doc[Any] = Doc()
    doc.apply_update(update)
    with warnings.catch_warnings():
        # jupyter_ydoc warns when it gives a doubled cell id a new one; the file is valid then.
        warnings.simplefilter("ignore", UserWarning)
        content = plain_content(make(doc))
    return Rendered(content, content_digest(content), update)


def take_content(ydoc: YDocument, content: Content, *, salt: str) -> None:
    """Turn the live document into ``content`` by small edits; call it inside a transaction."""
    if isinstance(ydoc, YNotebook):
        take_notebook(ydoc, without_blobs(ydoc, with_cell_ids(content, salt)))
    elif isinstance(ydoc, YUnicode):
        replace_text(ydoc.ydoc["source"], content)
    else:
        ydoc.set(content)


def take_file(ydoc: YDocument, content: Content, *, salt: str) -> None:
    """Do the same with what another program wrote; cells of other ids take those of their places.

    (syncdoc-jupyter §7.1)
    """
    if isinstance(ydoc, YNotebook):
        content = with_live_ids(content, cell_ids(ydoc), salt)
    take_content(ydoc, content, salt=salt)


def plain_content(ydoc: YDocument) -> Content:
    """Return what ``ydoc.get()`` returns; of a notebook, several times as fast."""
    if type(ydoc) is not YNotebook and not isinstance(ydoc, BlobNotebook):
        return ydoc.get()
    about = _parsed(ydoc.ydoc.get("meta", type=Map))
    cells = _parsed(ydoc.ycells)
    ids = [cell["id"] for cell in cells if cell.get("id")]
    if len(ids) != len(set(ids)):
        return ydoc.get()  # it gives the doubles other ids
    major, minor = int(about.get("nbformat", 0)), int(about.get("nbformat_minor", 0))
    has_ids = major != 4 or minor > 4
    content = {
        "cells": [_saved_cell(cell, has_id=has_ids) for cell in cells],
        "metadata": about.get("metadata", {}),
        "nbformat": major,
        "nbformat_minor": minor,
    }
    return with_blobs(ydoc, content)


def _parsed(shared: Map[Any] | Array[Any]) -> Any:
    """Return a shared value by way of its JSON, whole numbers as such."""
    return json.loads(str(shared), parse_float=_number)


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _saved_cell(cell: dict[str, Any], *, has_id: bool) -> dict[str, Any]:
    unsaved = {"execution_state"} if has_id else {"execution_state", "id"}
    if cell.get("cell_type") in {"raw", "markdown"} and not cell.get("attachments"):
        unsaved.add("attachments")
    return {name: value for name, value in cell.items() if name not in unsaved}
