"""What can go wrong with the history of a document; the text tells the caller what to do.

::

    ConatError
      HistoryError              no code
        NoHistory               404   nobody has edited the document together with others
        NoSuchVersion           404
        NoSuchCells             404   the version does not have these cells
        NoCells                 400   only notebooks have cells
        BadHistoryRequest       400   arguments that make no sense
"""

from collections.abc import Sequence

from ...conat.errors import ConatError

__all__ = [
    "BadHistoryRequest",
    "HistoryError",
    "NoCells",
    "NoHistory",
    "NoSuchCells",
    "NoSuchVersion",
]


class HistoryError(ConatError):
    """Root of the errors of histories."""


class NoHistory(HistoryError):  # noqa: N818 - nouns, like the errors of conat
    """There are no versions of this document."""

    code = 404

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path} has no history; it begins when the document is opened and edited"


class NoSuchVersion(HistoryError):  # noqa: N818 - see NoHistory
    """The document has no version with this time; perhaps it was pruned."""

    code = 404

    def __init__(self, path: str, version: int) -> None:
        super().__init__(path, version)
        self.path = path
        self.version = version

    def __str__(self) -> str:
        return f"{self.path} has no version {self.version}; ask for its versions again"


class NoSuchCells(HistoryError):  # noqa: N818 - see NoHistory
    """A version does not have all the cells that are to be restored from it."""

    code = 404

    def __init__(self, cells: Sequence[str]) -> None:
        super().__init__(cells)
        self.cells = tuple(cells)

    def __str__(self) -> str:
        return f"the version has no cells {', '.join(self.cells)}; choose among those it shows"


class NoCells(HistoryError):  # noqa: N818 - see NoHistory
    """Single cells are asked for in a document that is not a notebook."""

    code = 400

    def __str__(self) -> str:
        return "only notebooks have cells; restore the whole version"


class BadHistoryRequest(HistoryError):  # noqa: N818 - see NoHistory
    """The arguments make no sense; the text says which."""

    code = 400
