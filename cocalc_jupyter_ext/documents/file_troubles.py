"""What is wrong with the file of a document at present: told once, and shown while it lasts.

What lasts is in the document's shared state, as ``file_problem``, so that everybody at the
document can see it, also who comes later. Without trouble that key is not there.
"""

from enum import Enum, auto
from typing import TYPE_CHECKING

from .notices import Action, Level

if TYPE_CHECKING:
    from collections.abc import Callable

    from .file_link import LinkedDocument

__all__ = ["FILE_PROBLEM", "FileTroubles", "Trouble"]

FILE_PROBLEM = "file_problem"
"""The key in the document's shared state."""


class Trouble(Enum):
    """What can be wrong; the first one that is wrong is shown."""

    SAVING = auto()
    WATCHING = auto()
    CONTENT = auto()
    """The file is gone, or holds what cannot be taken."""


class FileTroubles:
    """The present troubles of one document; ``tell`` is called with each that is new."""

    def __init__(
        self, document: "LinkedDocument", tell: "Callable[[Action, str, Level], None]"
    ) -> None:
        self._document = document
        self._tell = tell
        self._present: dict[Trouble, str] = {}

    def arise(self, trouble: Trouble, message: str, *, action: Action, level: Level) -> None:
        """Tell and show a trouble, unless it is there already in the same words."""
        if self._present.get(trouble) != message:
            self._present[trouble] = message
            self._tell(action, message, level)
            self.show()

    def end(self, trouble: Trouble) -> None:
        """Note that there is no such trouble (any more)."""
        if self._present.pop(trouble, None) is not None:
            self.show()

    def show(self) -> None:
        """Make the shared state say what is wrong, for instance after it came from a log."""
        state = self._document.ydoc.ystate
        message = next((self._present[kind] for kind in Trouble if kind in self._present), None)
        if state.get(FILE_PROBLEM) == message:
            return
        with self._document.edit():
            if message is None:
                del state[FILE_PROBLEM]
            else:
                state[FILE_PROBLEM] = message
