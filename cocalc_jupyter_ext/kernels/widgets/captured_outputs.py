"""What an Output widget shows: the messages it captured (syncdoc-jupyter §8.4).

Pure. The same fold as for cells, so streams are joined, carriage returns and
``clear_output(wait)`` work, and the size is bounded.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..outputs import CellOutputs, Output, OutputLimits

__all__ = ["CapturedOutputs", "to_messages"]

LIMITS: Final = OutputLimits(max_chars=10_000_000, max_outputs=1_000)


class CapturedOutputs:
    """The content of one Output widget, from what it showed before on."""

    def __init__(self, shown: object) -> None:
        self._outputs = CellOutputs(LIMITS)
        for output in shown if isinstance(shown, list | tuple) else ():
            if isinstance(output, Mapping):
                self._outputs.apply(str(output.get("output_type", "")), dict(output))

    def apply(self, kind: str, content: dict[str, Any]) -> None:
        """Take in a captured message."""
        self._outputs.apply(kind, content)

    def update_display(self, display_id: str, content: dict[str, Any]) -> bool:
        """Replace what a display shows; return whether it is here."""
        return self._outputs.update_display(display_id, content)

    def snapshot(self) -> list[Output]:
        """Return what is shown, in the form of nbformat."""
        return self._outputs.snapshot()


def to_messages(outputs: object) -> list[dict[str, Any]]:
    """Return outputs as CoCalc clients expect them: without the type (§8.4)."""
    found: Iterable[object] = outputs if isinstance(outputs, list | tuple) else ()
    return [
        {key: value for key, value in output.items() if key != "output_type"}
        for output in found
        if isinstance(output, Mapping)
    ]
