"""What can be wrong with an assignment; the texts tell the instructor what to do.

``AssignmentError``
    ``MarkerError``          a region of a cell does not end, or is inside of another one
    ``CellTypeError``        no such type, or not for cells like this one
    ``LanguageUnknownError`` solutions would stay, since the language of the kernel is not known
"""

from ..dispatch import ApiError

__all__ = ["AssignmentError", "CellTypeError", "LanguageUnknownError", "MarkerError"]


class AssignmentError(ApiError):
    """Something is wrong with an assignment; the text says what."""


class MarkerError(AssignmentError):
    """A region does not end, or begins inside of another one; ``region`` names it."""

    def __init__(self, region: str, *, is_nested: bool, text: str = "") -> None:
        super().__init__(region)
        self.region = region
        self.is_nested = is_nested
        self.text = text

    def __str__(self) -> str:
        problem = (
            f"'BEGIN {self.region}' comes twice without 'END {self.region}'"
            if self.is_nested
            else f"'BEGIN {self.region}' without 'END {self.region}'"
        )
        return f"{problem}; the cell is: {self.text[:200]!r}" if self.text else problem


class CellTypeError(AssignmentError):
    """There is no such type of cell, or it is not for cells like this one."""


class LanguageUnknownError(AssignmentError):
    """Solutions would stay in the students' version."""

    def __str__(self) -> str:
        return (
            "the language of the notebook is not known, so its solutions cannot be replaced; "
            "choose its kernel and run a cell"
        )
