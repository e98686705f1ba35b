"""The outputs of one cell, folded from the kernel's messages.

Pure. ``CellOutputs`` holds what the cell shows; ``take_edit`` gives the smallest change of the
document since the previous call. An edit keeps a number of leading outputs, edits the end of
the last kept one if that is a stream, deletes the rest and appends. These are the only changes
that JupyterLab's front end displays correctly (it ignores the position of an inserted output),
so an update of a display that is not the last output rewrites the outputs after it.

Text and number of outputs are bounded by ``OutputLimits``: the head is shown while the cell
runs, the end of what did not fit when it has finished, with a notice between them. Errors are
never dropped.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .stream_text import StreamText

__all__ = ["CellOutputs", "Output", "OutputLimits", "OutputsEdit"]

Output = dict[str, Any]
"""One output in the form of nbformat 4."""

_MAX_LATE_ERRORS = 10
_MAX_TAIL_STREAMS = 100
_BUNDLE_TYPES = {"display_data", "execute_result"}


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """How much one cell may put into the document."""

    head_chars: int = 1_000_000
    """Characters of text shown while the cell runs."""
    tail_chars: int = 100_000
    """Characters of the end of the text shown when it has finished."""
    max_outputs: int = 1_000
    """Outputs beyond this number are dropped (text goes into the tail)."""
    max_bundle_chars: int = 20_000_000
    """Size of one display; a larger one is replaced by a notice."""
    max_displays_chars: int = 50_000_000
    """Size of all displays of the cell together."""
    max_traceback_chars: int = 200_000
    """A longer traceback loses its middle."""


@dataclass(frozen=True, slots=True)
class OutputsEdit:
    """Keep ``keep`` outputs, erase and add at the end of the last of them, append the rest."""

    keep: int
    erase: str = ""
    add: str = ""
    append: tuple[Output, ...] = ()

    @property
    def chars(self) -> int:
        """How much the edit makes everybody receive, roughly."""
        return len(self.add) + sum(_output_chars(output) for output in self.append)


@dataclass(slots=True)
class _Stream:
    name: str
    text: StreamText = field(default_factory=StreamText)

    def render(self) -> Output:
        return {"output_type": "stream", "name": self.name, "text": str(self.text)}


@dataclass(slots=True)
class _Display:
    output: Output
    display_id: str | None = None
    chars: int = 0

    def render(self) -> Output:
        return self.output


class CellOutputs:
    """What one run of one cell has shown so far.

    ``apply`` takes the kernel's messages by type and content (Jupyter messaging protocol 5.4);
    types that are no outputs are ignored. ``keep_out`` returns a bundle of representations as the
    document holds it: large ones may be kept elsewhere. Limits count what was published.
    """

    def __init__(
        self,
        limits: OutputLimits,
        keep_out: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        self._limits = limits
        self._keep_out = keep_out
        self._entries: list[_Stream | _Display] = []
        self._taken = 0
        self._taken_text_bytes: int | None = None
        self._keep = 0
        self._clear_on_next = False
        self._text_chars = 0
        self._display_chars = 0
        self._tail: list[_Stream] = []
        self._omitted_chars = 0
        self._dropped_outputs = 0
        self.has_error = False

    def __len__(self) -> int:
        return len(self._entries)

    def apply(self, kind: str, content: dict[str, Any]) -> None:
        """Fold in one message."""
        if kind == "stream":
            self.write(str(content.get("name", "stdout")), str(content.get("text", "")))
        elif kind in _BUNDLE_TYPES:
            self._show(kind, content)
        elif kind == "error":
            self.show_error(
                str(content.get("ename", "")),
                str(content.get("evalue", "")),
                [str(line) for line in content.get("traceback", [])],
            )
        elif kind == "clear_output":
            self._clear(wait=bool(content.get("wait", False)))

    def write(self, name: str, text: str) -> None:
        """Print ``text`` to the stream ``name``; adjacent text of one stream is one output."""
        self._clear_if_due()
        room = self._limits.head_chars - self._text_chars
        if self._tail or room <= 0 or not self._has_room_for_stream(name):
            self._write_tail(name, text)
            return
        self._write_head(name, text[:room])
        if len(text) > room:
            self._write_tail(name, text[room:])

    def show_error(self, name: str, value: str, traceback: list[str]) -> None:
        """Append an error output."""
        self._clear_if_due()
        self.has_error = True
        if len(self._entries) >= self._limits.max_outputs + _MAX_LATE_ERRORS:
            self._dropped_outputs += 1
            return
        self._flush_tail()
        output = {
            "output_type": "error",
            "ename": name,
            "evalue": _clip(value, self._limits.max_traceback_chars),
            "traceback": _clip("\n".join(traceback), self._limits.max_traceback_chars).split("\n"),
        }
        self._entries.append(_Display(output))

    def update_display(self, display_id: str, content: dict[str, Any]) -> bool:
        """Replace what the displays with this id show; False when there is none here."""
        found = False
        for index, entry in enumerate(self._entries):
            if isinstance(entry, _Display) and entry.display_id == display_id:
                bundle, entry.chars = self._bundle(content, replacing=entry.chars)
                entry.output = {**entry.output, **bundle}
                self._keep = min(self._keep, index)
                found = True
        return found

    def finish(self) -> None:
        """Show the end of what did not fit: the cell has ended."""
        self._flush_tail()
        if self._dropped_outputs:
            notice = f"[{self._dropped_outputs} more outputs are not shown.]\n"
            self._write_head("stderr", notice)
            self._dropped_outputs = 0

    def take_edit(self) -> OutputsEdit | None:
        """Return the difference to the outputs at the previous call, or None."""
        keep, taken = self._keep, self._taken
        erase = add = ""
        last = self._entries[keep - 1] if keep else None
        if keep == taken and isinstance(last, _Stream):
            text_edit = last.text.take_edit()
            erase, add = text_edit.erase, text_edit.add
        append = self._take_from(keep)
        if keep == taken and not (erase or add or append):
            return None
        return OutputsEdit(keep, erase, add, append)

    def take_all(self) -> OutputsEdit:
        """Return an edit that writes everything anew, and count it as taken."""
        return OutputsEdit(0, append=self._take_from(0))

    def snapshot(self) -> list[Output]:
        """Return all outputs as of now."""
        return [entry.render() for entry in self._entries]

    @property
    def taken_count(self) -> int:
        """How many outputs were taken: the document has as many, unless somebody changed them."""
        return self._taken

    @property
    def taken_text_bytes(self) -> int | None:
        """UTF-8 length of the last taken output's text; None if that is no stream."""
        return self._taken_text_bytes

    def forget_taken(self) -> None:
        """Keep only what was not taken yet: somebody cleared the outputs in the document."""
        taken, fresh = self._entries[: self._taken], self._entries[self._taken :]
        last = taken[-1] if taken else None
        self._reset()
        self._taken = 0
        self._taken_text_bytes = None
        if isinstance(last, _Stream) and (added := last.text.take_edit().add):
            self._write_head(last.name, added)
        for entry in fresh:
            if isinstance(entry, _Stream):
                self._write_head(entry.name, str(entry.text))
            else:
                self._entries.append(entry)
                self._display_chars += entry.chars

    def _show(self, kind: str, content: dict[str, Any]) -> None:
        self._clear_if_due()
        if len(self._entries) >= self._limits.max_outputs:
            self._dropped_outputs += 1
            return
        bundle, chars = self._bundle(content)
        output: Output = {"output_type": kind, **bundle}
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        display_id = (content.get("transient") or {}).get("display_id")
        self._entries.append(_Display(output, display_id, chars))

    def _bundle(self, content: dict[str, Any], replacing: int = 0) -> tuple[Output, int]:
        data = dict(content.get("data") or {})
        size = _bundle_chars(data)
        used = self._display_chars - replacing
        if size > self._limits.max_bundle_chars or used + size > self._limits.max_displays_chars:
            data = {"text/plain": f"[A display of {size} characters is too large to be shown.]"}
        size = _bundle_chars(data)
        self._display_chars = used + size
        return {"data": self._keep_out(data), "metadata": dict(content.get("metadata") or {})}, size

    def _clear(self, *, wait: bool) -> None:
        self._clear_on_next = wait
        if not wait:
            self._reset()

    def _reset(self) -> None:
        self._entries = []
        self._tail = []
        self._keep = self._omitted_chars = self._dropped_outputs = 0
        self._text_chars = self._display_chars = 0

    def _clear_if_due(self) -> None:
        if self._clear_on_next:
            self._clear(wait=False)

    def _has_room_for_stream(self, name: str) -> bool:
        return len(self._entries) < self._limits.max_outputs or self._ends_with_stream(name)

    def _ends_with_stream(self, name: str) -> bool:
        last = self._entries[-1] if self._entries else None
        return isinstance(last, _Stream) and last.name == name

    def _stream(self, entries: list[Any], name: str) -> StreamText:
        """Return the text of the last entry if it is this stream's, else of a new one."""
        last = entries[-1] if entries else None
        if not (isinstance(last, _Stream) and last.name == name):
            last = _Stream(name)
            entries.append(last)
        return last.text

    def _write_head(self, name: str, text: str) -> None:
        stream = self._stream(self._entries, name)
        before = len(stream)
        stream.write(text)
        self._text_chars += len(stream) - before

    def _write_tail(self, name: str, text: str) -> None:
        if not self._tail:
            notice = "\n[Long output: the end of it is shown when the cell has finished.]\n"
            self._write_head(name, notice)
        self._stream(self._tail, name).write(text)
        # Rarely, so that many small writes stay cheap.
        if (
            len(self._tail) > 2 * _MAX_TAIL_STREAMS
            or sum(len(stream.text) for stream in self._tail) > 2 * self._limits.tail_chars
        ):
            self._trim_tail()

    def _trim_tail(self) -> None:
        limit = self._limits.tail_chars
        kept: list[_Stream] = []
        for stream in reversed(self._tail):
            text = str(stream.text)
            part = text[max(0, len(text) - limit) :] if len(kept) < _MAX_TAIL_STREAMS else ""
            limit -= len(part)
            self._omitted_chars += len(text) - len(part)
            if part:
                kept.append(_Stream(stream.name))
                kept[-1].text.write(part)
        self._tail = kept[::-1]

    def _flush_tail(self) -> None:
        if not self._tail:
            return
        self._trim_tail()
        if self._omitted_chars:
            notice = f"[{self._omitted_chars} characters are not shown.]\n"
            self._write_head(self._tail[0].name, notice)
        for stream in self._tail:
            self._write_head(stream.name, str(stream.text))
        self._tail = []
        self._omitted_chars = 0

    def _take_from(self, keep: int) -> tuple[Output, ...]:
        for entry in self._entries[keep:]:
            if isinstance(entry, _Stream):
                entry.text.take_edit()
        self._taken = self._keep = len(self._entries)
        last = self._entries[-1] if self._entries else None
        self._taken_text_bytes = len(str(last.text).encode()) if isinstance(last, _Stream) else None
        return tuple(entry.render() for entry in self._entries[keep:])


def _output_chars(output: Output) -> int:
    return len(output.get("text", "")) + _bundle_chars(output.get("data", {}))


def _bundle_chars(data: dict[str, Any]) -> int:
    return sum(len(v) if isinstance(v, str) else len(json.dumps(v)) for v in data.values())


def _clip(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head, tail = text[: limit // 2], text[-(limit // 2) :]
    return f"{head}\n[{len(text) - len(head) - len(tail)} characters are not shown.]\n{tail}"
