"""The outputs of one piece of code, as a list of small objects (pure; syncdoc-jupyter §6.1).

An item is the content of a message without what only matters to a notebook. What is too much is
replaced by one notice; tracebacks are always kept.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from ..message_parts import display_id_of, texts

__all__ = ["Collected", "Output"]

Output: TypeAlias = dict[str, Any]

_DROPPED: Final = frozenset(
    {"execution_state", "execution_count", "payload", "code", "status", "source", "request"}
)
_MAX_TRACEBACK_CHARS: Final = 1_000_000


class Collected:
    """Folds messages into outputs of at most ``max_chars`` characters of JSON, then a notice."""

    def __init__(self, max_chars: int, notice: str) -> None:
        self._max_chars = max_chars
        self._notice = notice
        self._outputs: list[Output] = []
        self._chars = 0
        self._is_full = False
        self._clears_next = False

    @property
    def outputs(self) -> list[Output]:
        """What was put out so far."""
        return list(self._outputs)

    def add(self, message: Mapping[str, Any]) -> None:
        """Take a message of the kernel."""
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            self._clear(wait=bool(content.get("wait")))
            return
        if kind == "update_display_data" and self._update(content):
            return
        output = _cleaned(content)
        if output:
            self._append(output)

    def say(self, name: str, text: str) -> None:
        """Add words of our own, which do not count."""
        self._outputs.append({"name": name, "text": text})

    def _clear(self, *, wait: bool) -> None:
        self._clears_next = wait
        if not wait:
            self._outputs.clear()
            self._chars = 0
            self._is_full = False

    def _append(self, output: Output) -> None:
        if self._clears_next:
            self._clear(wait=False)
        if "traceback" in output:
            self._outputs.append(_with_short_traceback(output))
            return
        if self._is_full:
            return
        chars = _size(output)
        if self._chars + chars > self._max_chars:
            self._is_full = True
            self._outputs.append(
                {"name": "stdout", "output_type": "stream", "text": [self._notice]}
            )
            return
        self._chars += chars
        self._outputs.append(output)

    def _update(self, content: Mapping[str, Any]) -> bool:
        """Replace the displays of this name; return whether there are any."""
        display_id = display_id_of(content)
        found = [
            index
            for index, output in enumerate(self._outputs)
            if display_id is not None and display_id_of(output) == display_id
        ]
        output = _cleaned(content)
        for index in found:
            chars = _size(output) - _size(self._outputs[index])
            if self._chars + chars <= self._max_chars:
                self._chars += chars
                self._outputs[index] = output
        return bool(found)


def _cleaned(content: Mapping[str, Any]) -> Output:
    return {key: value for key, value in content.items() if key not in _DROPPED and value != {}}


def _size(output: Output) -> int:
    return len(json.dumps(output, ensure_ascii=False, separators=(",", ":")))


def _with_short_traceback(output: Output) -> Output:
    """Keep the end of a traceback that is longer than anybody reads."""
    lines = texts(output["traceback"])
    surplus = sum(map(len, lines)) - _MAX_TRACEBACK_CHARS
    if surplus <= 0:
        return output
    return {
        **output,
        "traceback": ["".join(lines)[surplus:]],
        "evalue": str(output.get("evalue", ""))[:9999],
    }
