"""What the project does about an entry of the open files (pure; syncdoc-jupyter §1.13).

Whoever looks at a document says so every 30 seconds. As long as that is not long ago the project
has the document open, and a notebook for longer. Entries come from anybody who may write in the
project, so nothing in them is relied on.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final
from unicodedata import category

from ..errors import DocumentError
from ..notebook_records.notebooks import NOTEBOOK_SCHEMA
from ..syncdoc.coordination import DocumentType, synced_path_of_notebook
from ..syncdoc.records import RecordSchema

__all__ = [
    "FRESH_MS",
    "PROJECT",
    "FileNotServed",
    "OpenEntry",
    "ServedFile",
    "Step",
    "next_step",
    "read_entry",
    "served_file",
    "stays_open",
]

FRESH_MS: Final = 75_000
"""For how long a touch counts: two and a half times the pause between two."""

PROJECT: Final = 0
"""The number of the project among those who may have a file open; others have larger ones."""

MAX_PATH_LENGTH: Final = 4000
_HIDDEN_NOTEBOOK: Final = ".sage-jupyter2"
_NOTEBOOK: Final = ".ipynb"
_TERMINAL: Final = ".term"
_STAY_OPEN: Final = (_HIDDEN_NOTEBOOK, ".sagews")


class FileNotServed(DocumentError):  # noqa: N818 - a state, like FileNotLoaded
    """The project does not open such a file as a document; ``problem`` says why."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"'{self.path[:200]}' cannot be opened: {self.problem}"


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """One entry, as far as it can be understood. ``touched_ms`` is a Unix time."""

    path: str
    touched_ms: float | None = None
    doctype: DocumentType | None = None
    is_deleted: bool = False
    backend: int | None = None
    error: str = ""

    def is_fresh(self, now_ms: int) -> bool:
        """Return whether somebody looks at it now; a touch in a far future is none."""
        return self.touched_ms is not None and abs(now_ms - self.touched_ms) <= FRESH_MS


@dataclass(frozen=True, slots=True)
class ServedFile:
    """Which file a synced document is; both paths are relative to the project's folder."""

    synced_path: str
    path: str
    is_notebook: bool
    schema: RecordSchema | None = None
    """Of a document of records that is not a notebook."""

    @property
    def doctype(self) -> DocumentType:
        """The type of the document that clients share."""
        return DocumentType(NOTEBOOK_SCHEMA if self.is_notebook else self.schema)


class Step(Enum):
    """What to do next about an entry."""

    NOTHING = auto()
    OPEN = auto()
    LEAVE = auto()
    """Nobody looks at it any more, or somebody else is to have it open."""
    FIND = auto()
    """It was said to be deleted: look whether the file is there again, otherwise leave it."""


def read_entry(raw: Mapping[str, Any]) -> OpenEntry:
    """Read an entry; what has another type than it should have counts as absent."""
    deleted, backend, error = (_map(raw.get(name)) for name in ("deleted", "backend", "error"))
    doctype = raw.get("doctype")
    return OpenEntry(
        path=str(raw.get("path", "")),
        touched_ms=_number(raw.get("time")),
        doctype=DocumentType.from_wire(doctype) if isinstance(doctype, dict) else None,
        is_deleted=deleted.get("deleted") is True,
        backend=_integer(backend.get("id")),
        error=str(error.get("error", "")),
    )


def next_step(entry: OpenEntry, *, now_ms: int, is_open: bool, is_ours: bool) -> Step:
    """Decide what to do; ``is_ours`` says that no compute server is to have the file open."""
    is_stale = is_open or entry.backend == PROJECT
    is_wanted = entry.is_fresh(now_ms) or (is_open and stays_open(entry.path))
    if not is_ours or not is_wanted:
        return Step.LEAVE if is_stale else Step.NOTHING
    if entry.path.endswith(_TERMINAL) or entry.doctype is None:
        return Step.NOTHING
    if entry.is_deleted:
        return Step.FIND
    return Step.NOTHING if is_open else Step.OPEN


def stays_open(synced_path: str) -> bool:
    """Return whether a document stays open though nobody touches it: code may be running."""
    return synced_path.endswith(_STAY_OPEN)


def served_file(synced_path: str, doctype: DocumentType) -> ServedFile:
    """Return the file of a synced document; raises FileNotServed."""
    if problem := _problem_of(synced_path):
        raise FileNotServed(synced_path, problem)
    if doctype.is_ephemeral:
        raise FileNotServed(synced_path, "a document without a file needs no project")
    if synced_path.endswith(_HIDDEN_NOTEBOOK):
        return _notebook(synced_path, doctype)
    if synced_path.endswith(_NOTEBOOK):
        hidden = synced_path_of_notebook(synced_path)
        raise FileNotServed(synced_path, f"notebooks are shared as '{hidden}'")
    return ServedFile(synced_path, synced_path, is_notebook=False, schema=doctype.schema)


def _notebook(synced_path: str, doctype: DocumentType) -> ServedFile:
    if doctype.schema != NOTEBOOK_SCHEMA:
        raise FileNotServed(synced_path, "its document type is not that of a notebook")
    folder, slash, name = synced_path.rpartition("/")
    path = f"{folder}{slash}{name[1:].removesuffix(_HIDDEN_NOTEBOOK)}"
    if not path.endswith(_NOTEBOOK) or synced_path_of_notebook(path) != synced_path:
        raise FileNotServed(synced_path, "this is not the hidden name of a notebook")
    return ServedFile(synced_path, path, is_notebook=True)


def _problem_of(path: str) -> str:
    """Say why a path cannot be that of a file of the project; empty if it can."""
    if not path or len(path) > MAX_PATH_LENGTH:
        return f"a path has 1 to {MAX_PATH_LENGTH} characters"
    if not _is_plain_text(path):
        return "a path is valid Unicode without control characters"
    if path.startswith("/") or "\\" in path:
        return "a path is relative to the project's folder, with / between its parts"
    if posixpath.normpath(path) != path or ".." in path.split("/") or path == ".":
        return "a path has no empty parts, no '.' and no '..'"
    return ""


def _is_plain_text(path: str) -> bool:
    return not any(category(character) in {"Cc", "Cs"} for character in path)


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
