"""The outputs of a cell that runs without a document, as nbformat has them (syncdoc §6.1, §9.6)."""

from collections.abc import Mapping
from typing import Any, Final

from ...documents.syncdoc.canonical import canonical_json

__all__ = ["MAX_ERROR_CHARS", "Collected", "error_output"]

MAX_ERROR_CHARS: Final = 100_000
_SHOWN: Final = frozenset({"display_data", "execute_result"})


class Collected:
    """Outputs of at most so many characters of JSON; errors are kept beyond that."""

    def __init__(self, max_chars: int) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.execution_count: int | None = None
        self.chars = 0
        self._max_chars = max_chars
        self._is_full = False
        self._clears = False
        self._displays: dict[str, list[dict[str, Any]]] = {}

    @property
    def has_error(self) -> bool:
        """Whether one of the outputs tells of an error."""
        return any(output["output_type"] == "error" for output in self.outputs)

    def take(self, msg_type: str, content: Mapping[str, Any]) -> None:
        """Take a message of the kernel; what shows nothing is skipped."""
        if msg_type == "execute_input":
            self.execution_count = content.get("execution_count")
        elif msg_type == "clear_output":
            self._clears = True
            if not content.get("wait"):
                self._clear()
        elif msg_type == "update_display_data":
            self._update(content)
        elif (output := _output(msg_type, content)) is not None:
            self._append(output, content)

    def fail(self, text: str) -> None:
        """Note that the run itself went wrong."""
        self.outputs.append(error_output("RunFailed", text))

    def _append(self, output: dict[str, Any], content: Mapping[str, Any]) -> None:
        if self._clears:
            self._clear()
        last = self.outputs[-1] if self.outputs else {}
        size = len(canonical_json(output))
        is_error = output["output_type"] == "error"
        if not is_error and (self._is_full or self.chars + size > self._max_chars):
            self._note_limit()
            return
        self.chars += size
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
            return
        self.outputs.append(output)
        display_id = (content.get("transient") or {}).get("display_id")
        if display_id is not None:
            self._displays.setdefault(str(display_id), []).append(output)

    def _update(self, content: Mapping[str, Any]) -> None:
        display_id = (content.get("transient") or {}).get("display_id")
        new = {"data": dict(content.get("data") or {}), "metadata": content.get("metadata") or {}}
        for shown in self._displays.get(str(display_id), ()):
            self.chars += len(canonical_json(new)) - len(canonical_json(shown["data"]))
            if self.chars > self._max_chars:
                self._note_limit()
                return
            shown.update(new)

    def _note_limit(self) -> None:
        if not self._is_full:
            self._is_full = True
            text = f"[the output of a cell is limited to {self._max_chars} characters]\n"
            self.outputs.append({"output_type": "stream", "name": "stdout", "text": text})

    def _clear(self) -> None:
        self.outputs, self._displays = [], {}
        self.chars, self._is_full, self._clears = 0, False, False


def error_output(name: str, text: str) -> dict[str, Any]:
    """Return what stands for a run that went wrong."""
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": [text]}


def _output(msg_type: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
    if msg_type == "stream":
        return {
            "output_type": "stream",
            "name": str(content.get("name") or "stdout"),
            "text": str(content.get("text") or ""),
        }
    if msg_type == "error":
        return _error(content)
    if msg_type not in _SHOWN:
        return None
    output: dict[str, Any] = {
        "output_type": msg_type,
        "data": dict(content.get("data") or {}),
        "metadata": dict(content.get("metadata") or {}),
    }
    if msg_type == "execute_result":
        output["execution_count"] = content.get("execution_count")
    return output


def _error(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an error, of which only the end is kept if it is longer than anybody reads."""
    traceback = [str(line) for line in content.get("traceback") or ()]
    if sum(map(len, traceback)) > MAX_ERROR_CHARS:
        traceback = ["".join(traceback)[-MAX_ERROR_CHARS:]]
    names = {name: str(content.get(name) or "")[-MAX_ERROR_CHARS:] for name in ("ename", "evalue")}
    return {"output_type": "error", **names, "traceback": traceback}
