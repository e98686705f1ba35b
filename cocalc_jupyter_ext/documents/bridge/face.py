"""What the bridge needs of the shared types of one kind of document."""

from collections.abc import Callable
from typing import Protocol, TypeVar

__all__ = ["Face"]

Value = TypeVar("Value")


class Face(Protocol[Value]):
    """The shared types, as the value of a synced document sees them.

    A face remembers what it pulled and pushed last, so that it only carries over what has
    changed since. Both methods are called on the event loop.
    """

    on_edit: Callable[[], None]
    """Called when somebody but ``push`` has edited the shared types."""

    @property
    def is_tidy(self) -> bool:
        """Whether everything in the shared types can be named in the value."""
        ...

    def tidy(self) -> None:
        """Edit the shared types until that is so; call it inside a transaction."""
        ...

    def pull(self, value: Value) -> Value:
        """Return the value with what was edited in the shared types since the last call."""
        ...

    def pull_all(self, value: Value) -> Value:
        """Return the value with everything that is in the shared types, and nothing else.

        What the shared types cannot express stays as it is in the value.
        """
        ...

    def push(self, before: Value, after: Value) -> None:
        """Make the edits that lead from one value to the other; call it inside a transaction.

        Everything that was edited before must have been pulled.
        """
        ...

    def close(self) -> None:
        """Stop observing the shared types; calling it again does nothing."""
        ...
