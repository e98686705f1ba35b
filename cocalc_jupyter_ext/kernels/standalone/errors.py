"""What can go wrong with a kernel that a script uses."""

from ..endings import Ending
from ..errors import KernelsError

__all__ = ["ExecutionRepeatedError", "KernelClosedError", "KernelDiedError"]


class KernelClosedError(KernelsError):
    """The kernel object was closed; it runs nothing any more."""

    def __str__(self) -> str:
        return "This kernel was closed. Make a new one to run code."


class KernelDiedError(KernelsError):
    """The process of the kernel ended while it was needed."""

    def __init__(self, ending: Ending) -> None:
        self.ending = ending
        super().__init__(ending)

    def __str__(self) -> str:
        return str(self.ending)


class ExecutionRepeatedError(KernelsError):
    """The messages of an execution can be read once."""

    def __str__(self) -> str:
        return (
            "The messages of this execution are or were read already. "
            "Call execute_code again to run the code again."
        )
