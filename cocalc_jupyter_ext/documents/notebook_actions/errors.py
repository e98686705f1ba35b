"""Why an action on a notebook is refused; each error carries the data of its sentence.

``NotebookActionError``
    ``CellActionError``           it is about one cell
        ``UnknownCellError``      there is no such cell
        ``NotEditableError``      the cell is write protected
        ``NotDeletableError``     the cell is protected against deletion
        ``NotCodeError``          only code cells run
        ``NoQuestionError``       the cell waits for no input
        ``NotFormattableError``   the cell holds what would be mistaken for something else
    ``KernelNotChosenError``      the notebook has no kernel to run code with
    ``NotebookReadOnlyError``     the file cannot be written, so nothing may be edited
    ``InvalidActionError``        the arguments make no sense
    ``UndoUnavailableError``      the project itself has no edits of its own to undo
"""

from ...conat.errors import ConatError

__all__ = [
    "CellActionError",
    "InvalidActionError",
    "KernelNotChosenError",
    "NoQuestionError",
    "NotCodeError",
    "NotDeletableError",
    "NotEditableError",
    "NotFormattableError",
    "NotebookActionError",
    "NotebookReadOnlyError",
    "UndoUnavailableError",
    "UnknownCellError",
]


class NotebookActionError(ConatError):
    """An action was refused, and nothing was changed; ``code`` is that of the wire."""

    code = 400


class CellActionError(NotebookActionError):
    """An action on one cell was refused."""

    def __init__(self, cell_id: str) -> None:
        super().__init__(cell_id)
        self.cell_id = cell_id


class UnknownCellError(CellActionError):
    """There is no such cell."""

    code = 404

    def __str__(self) -> str:
        return f"the notebook has no cell {self.cell_id!r}; was it deleted?"


class NotEditableError(CellActionError):
    """The cell is write protected."""

    code = 403

    def __str__(self) -> str:
        return f"cell {self.cell_id!r} is write protected; remove the protection first"


class NotDeletableError(CellActionError):
    """The cell is protected against deletion."""

    code = 403

    def __str__(self) -> str:
        return f"cell {self.cell_id!r} is delete protected; remove the protection first"


class NotCodeError(CellActionError):
    """Only code cells run."""

    def __str__(self) -> str:
        return f"cell {self.cell_id!r} holds no code; make it a code cell to run it"


class NoQuestionError(CellActionError):
    """The cell waits for no input."""

    code = 409

    def __str__(self) -> str:
        return f"cell {self.cell_id!r} does not wait for input; was it answered already?"


class NotFormattableError(CellActionError):
    """The cell holds what would be mistaken for something else."""

    def __init__(self, cell_id: str, mark: str) -> None:
        super().__init__(cell_id)
        self.mark = mark

    def __str__(self) -> str:
        return (
            f"cell {self.cell_id!r} has a line that begins with {self.mark!r}, which stands for "
            "magics while cells are formatted; remove that line first"
        )


class KernelNotChosenError(NotebookActionError):
    """The notebook has no kernel to run code with."""

    code = 409

    def __str__(self) -> str:
        return "the notebook has no kernel; choose one first, for instance python3"


class NotebookReadOnlyError(NotebookActionError):
    """The file cannot be written, so nothing may be edited."""

    code = 403

    def __str__(self) -> str:
        return "the notebook is read only: its file cannot be written"


class UndoUnavailableError(NotebookActionError):
    """The project itself has no edits of its own to undo."""

    code = 409

    def __str__(self) -> str:
        return "the project commits for everybody; open the notebook as a participant to undo"


class InvalidActionError(NotebookActionError):
    """The arguments make no sense; the text says which."""
