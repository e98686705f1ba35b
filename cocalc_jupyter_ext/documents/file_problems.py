"""What is wrong with the file of a document at present: told once, and shown while it lasts.

What lasts is in the document's shared state, as ``file_problem``, so that everybody at the
document can see it, whoever comes later included. Without a problem that key is not there.
"""

from collections.abc import Callable
from enum import Enum, auto

from .linked_document import LinkedDocument
from .notices import Action, Level

__all__ = ["FILE_PROBLEM", "FileProblems", "ProblemKind"]

FILE_PROBLEM = "file_problem"
"""The key in the document's shared state."""


class ProblemKind(Enum):
    """What can be wrong; the first one that is wrong is shown."""

    SAVING = auto()
    WATCHING = auto()
    CONTENT = auto()
    """The file is gone, or holds what cannot be taken."""


class FileProblems:
    """The present problems of one document; ``tell`` is called with each that is new."""

    def __init__(
        self, document: LinkedDocument, tell: Callable[[Action, str, Level], None]
    ) -> None:
        self._document = document
        self._tell = tell
        self._present: dict[ProblemKind, str] = {}

    def arise(self, kind: ProblemKind, message: str, *, action: Action, level: Level) -> None:
        """Tell and show a problem, unless it is there already in the same words."""
        if self._present.get(kind) != message:
            self._present[kind] = message
            self._tell(action, message, level)
            self.show()

    def end(self, kind: ProblemKind) -> None:
        """Note that there is no such problem, or no longer."""
        if self._present.pop(kind, None) is not None:
            self.show()

    def show(self) -> None:
        """Make the shared state say what is wrong, for instance after it came from a log."""
        state = self._document.ydoc.ystate
        message = next((self._present[kind] for kind in ProblemKind if kind in self._present), None)
        if state.get(FILE_PROBLEM) == message:
            return
        with self._document.edit():
            if message is None:
                del state[FILE_PROBLEM]
            else:
                state[FILE_PROBLEM] = message
