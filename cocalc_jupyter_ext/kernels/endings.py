"""How the process of a kernel ended, in words (pure; syncdoc-jupyter §4.5)."""

import signal
from dataclasses import dataclass, field
from typing import Final

__all__ = ["STDERR_CHARS", "Ending", "Tail"]

STDERR_CHARS: Final = 4000
"""Of what a kernel wrote to stderr at least this much is kept, and never 1000 more."""
_SURPLUS_CHARS: Final = 1000
_SAID_BY_ALL: Final = "[IPKernelApp] WARNING | Kernel is running over TCP without encryption"
"""Every kernel of ipykernel says so when it starts; it is never why one ended."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Exit code as ``subprocess`` gives it (negative: a signal), and the end of stderr.

    ``launch`` numbers the processes of one kernel, which may be restarted; 0 if nobody counts.
    ``by_itself`` if the process was gone before Jupyter ended it.
    """

    exit_code: int | None
    stderr: str = ""
    launch: int = field(default=0, compare=False)
    by_itself: bool = field(default=False, compare=False)

    @property
    def shell_exit_code(self) -> int | None:
        """The exit code as a shell tells it: 128 and the number of the signal."""
        if self.exit_code is None or self.exit_code >= 0:
            return self.exit_code
        return 128 - self.exit_code

    def __str__(self) -> str:
        lines = self.stderr.splitlines()
        words = "\n".join(line for line in lines if not line.startswith(_SAID_BY_ALL)).strip()
        return f"{self._cause()}.\n\n{words}" if words else f"{self._cause()}."

    def _cause(self) -> str:
        if self.exit_code is None:
            return "The kernel ended, nobody knows how"
        if self.exit_code >= 0:
            return f"The kernel ended with exit code {self.exit_code}"
        return (
            f"The kernel was ended by the signal {_signal_name(-self.exit_code)} "
            f"(exit code {self.shell_exit_code})"
        )


class Tail:
    """The end of a text that may be without end."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, text: str) -> None:
        """Append; the beginning goes when it is too long."""
        self._text += text
        if len(self._text) > STDERR_CHARS + _SURPLUS_CHARS:
            self._text = self._text[-STDERR_CHARS:]

    def __str__(self) -> str:
        return self._text


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
