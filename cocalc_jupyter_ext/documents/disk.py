"""What to do about the file when it and the live document may differ (pure).

Two facts decide: has the document changes that the file never got, and is the file still the
one that was last read or written here. Nothing is ever dropped: if both sides changed, the live
document stays (people are looking at it) and the other version of the file is kept beside it.

A file that was deleted is not written again on its own, because deleting is somebody's
wish too; the document and its log stay, and the next edit or explicit save writes the file again.
"""

from enum import Enum, auto

__all__ = ["DiskDecision", "decide"]


class DiskDecision(Enum):
    """How the file and the live document become one again."""

    IN_STEP = auto()
    """Nothing to do."""
    WRITE_FILE = auto()
    """The document has newer content: the log wins and the file will be written."""
    TAKE_FILE = auto()
    """Only the file changed: its content goes into the document by small edits."""
    KEEP_BOTH = auto()
    """Both changed: the document stays, the file's version is kept as a copy beside it."""
    FILE_GONE = auto()
    """There is no file any more: the document stays, nothing is written yet."""


def decide(*, file_exists: bool, file_changed: bool, unsaved_edits: bool) -> DiskDecision:
    """Decide from the two facts.

    ``file_changed`` means since the last load or save here; ``unsaved_edits`` means the document
    holds content that is in no version of the file.
    """
    if not file_exists:
        return DiskDecision.FILE_GONE
    if file_changed:
        return DiskDecision.KEEP_BOTH if unsaved_edits else DiskDecision.TAKE_FILE
    return DiskDecision.WRITE_FILE if unsaved_edits else DiskDecision.IN_STEP
