"""What can go wrong with running cells, in words for the person who ran them."""

from collections.abc import Sequence

__all__ = [
    "CellsNotFoundError",
    "EditsMissingError",
    "InputAnsweredError",
    "KernelNotFoundError",
    "KernelNotStartedError",
    "KernelSpecNotFoundError",
    "KernelUnreachableError",
    "KernelsError",
    "NoKernelChosenError",
    "RunNotFoundError",
    "TooManyQueuedError",
]


class KernelsError(Exception):
    """Root of the errors of this package."""


class KernelNotFoundError(KernelsError):
    """There is no kernel with this id."""

    def __init__(self, kernel_id: str) -> None:
        self.kernel_id = kernel_id
        super().__init__(kernel_id)

    def __str__(self) -> str:
        return (
            "The kernel of this notebook is gone: it was shut down, or the server was restarted. "
            "Start a kernel and run the cell again."
        )


class KernelSpecNotFoundError(KernelsError):
    """No kernel of this name is installed."""

    def __init__(self, name: str, installed: Sequence[str]) -> None:
        self.name = name
        self.installed = tuple(installed)
        super().__init__(name, self.installed)

    def __str__(self) -> str:
        there = ", ".join(self.installed) or "none"
        return (
            f'No kernel named "{self.name}" is installed. Install it, or choose one of these: '
            f"{there}."
        )


class KernelNotStartedError(KernelsError):
    """The program of a kernel cannot be run."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(name, why)

    def __str__(self) -> str:
        return (
            f'The kernel "{self.name}" could not be started: {self.why}. Install what it needs, '
            "or choose another kernel."
        )


class KernelUnreachableError(KernelsError):
    """The kernel runs, but gives no way to talk to it; ``last_words`` says how it ended, if so."""

    def __init__(self, kernel_id: str, why: str, last_words: str = "") -> None:
        self.kernel_id = kernel_id
        self.why = why
        self.last_words = last_words
        super().__init__(kernel_id, why, last_words)

    def __str__(self) -> str:
        return f"The kernel {self.kernel_id} cannot be reached: {self.why}. Restart the kernel."


class NoKernelChosenError(KernelsError):
    """Somebody decided that the notebook has no kernel."""

    def __str__(self) -> str:
        return "This notebook has no kernel. Choose one and run the cell again."


class CellsNotFoundError(KernelsError):
    """These cells are not code cells of the notebook."""

    def __init__(self, cell_ids: list[str]) -> None:
        self.cell_ids = cell_ids
        super().__init__(cell_ids)

    def __str__(self) -> str:
        return f"The notebook has no code cell with the id {', '.join(self.cell_ids)}."


class TooManyQueuedError(KernelsError):
    """The notebook's queue is full; nothing of the request was queued."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(limit)

    def __str__(self) -> str:
        return (
            f"More than {self.limit} cells would wait for this notebook's kernel. "
            "Wait until some have run, or interrupt the kernel to clear the queue."
        )


class EditsMissingError(KernelsError):
    """The text typed before the run request did not arrive in time."""

    def __str__(self) -> str:
        return (
            "The latest changes of the notebook have not reached the server. "
            "Nothing was run; check the connection and run the cell again."
        )


class RunNotFoundError(KernelsError):
    """The run is not known (any more)."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(run_id)

    def __str__(self) -> str:
        return f"The run {self.run_id} is not known: it ended long ago, or the server restarted."


class InputAnsweredError(KernelsError):
    """The kernel does not wait for this input any more."""

    def __str__(self) -> str:
        return "This question was answered already, or the cell was interrupted."
