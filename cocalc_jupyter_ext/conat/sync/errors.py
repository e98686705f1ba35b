"""What can go wrong with shared data structures, as classes with data.

The tree::

    ConatError
      UndefinedValue       no code   an undefined value cannot be a message
      NotAnObject          no code   a map of objects holds only objects
      NothingSelected      no code   a deletion that does not say what to delete
      Closed               no code   the structure was closed
"""

from ..errors import ConatError

__all__ = ["Closed", "NotAnObject", "NothingSelected", "UndefinedValue"]


class UndefinedValue(ConatError):  # noqa: N818 - the names of this tree are nouns of the contract
    """A message without a key needs a value; null is one, undefined is none (conat-sync §3.6)."""

    def __str__(self) -> str:
        return "value of a message must not be 'undefined'"


class NotAnObject(ConatError):  # noqa: N818 - see UndefinedValue
    """A value that has no fields was given to a map of objects (conat-sync §4.3)."""

    def __init__(self, key: str, value: object) -> None:
        super().__init__(key, value)
        self.key = key
        self.value = value

    def __str__(self) -> str:
        kind = type(self.value).__name__
        return f"values must be objects, but the one for {self.key!r} is of type {kind}"


class NothingSelected(ConatError):  # noqa: N818 - see UndefinedValue
    """A deletion has to say what goes: all, last_index, last_seq, seq, seqs or key."""

    def __str__(self) -> str:
        return "say what to delete: all, last_index, last_seq, seq, seqs or key"


class Closed(ConatError):  # noqa: N818 - see UndefinedValue
    """The structure was closed; open it again to use it."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"closed: '{self.name}' was closed; open it again"
