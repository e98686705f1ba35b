"""The outputs of one cell, folded from the kernel's messages.

Pure. ``CellOutputs`` holds what the cell shows; ``take_edit`` gives the smallest change of the
document since the previous call. An edit keeps a number of leading outputs, edits the end of
the last kept one if that is a stream, deletes the rest and appends. These are the only changes
that JupyterLab's front end displays correctly (it ignores the position of an inserted output),
so an update of a display that is not the last output rewrites the outputs after it.

What a cell may show is bounded by ``OutputLimits`` (syncdoc-jupyter §4.6): by the length of its
messages as JSON, after carriage returns were applied and text was joined, and by their number. The
rest goes to ``CellOverflow``, and the last output says so. Errors are shown even so, some of them,
and so is a question.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ..documents.notebook_records.live_outputs import more_output
from ..documents.shareable import shareable
from .message_parts import display_id_of, mapping, texts
from .overflow import CellOverflow
from .stream_text import StreamText, json_chars

__all__ = ["MAX_OUTPUT_CHARS", "CellOutputs", "KeepOut", "Output", "OutputLimits", "OutputsEdit"]

Output = dict[str, Any]
"""One output in the form of nbformat 4."""

MAX_OUTPUT_CHARS: Final = 250_000
_MAX_LATE_ERRORS = 10
_MAX_LATE_ERROR_CHARS = 20_000
_MAX_TRACEBACK_CHARS = 100_000
_BUNDLE_TYPES = {"display_data", "execute_result"}

KeepOut = Callable[[dict[str, Any]], dict[str, Any]]
"""Returns a bundle whose large values were put elsewhere."""


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """How much one cell may put into the document."""

    max_chars: int = MAX_OUTPUT_CHARS
    """Characters of its messages as JSON."""
    max_outputs: int = 500
    """Messages; adjacent text of one stream is one."""


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
        return len(self.add) + sum(map(_output_chars, self.append))


@dataclass(slots=True)
class _Stream:
    name: str
    text: StreamText = field(default_factory=StreamText)

    @property
    def chars(self) -> int:
        return _STREAM_CHARS + self.text.json_chars

    def render(self) -> Output:
        return {"output_type": "stream", "name": self.name, "text": str(self.text)}


@dataclass(slots=True)
class _Display:
    output: Output
    chars: int = 0
    display_id: str | None = None

    def render(self) -> Output:
        return self.output


class CellOutputs:
    """What one run of one cell has shown so far.

    ``apply`` takes the kernel's messages by type and content (Jupyter messaging protocol 5.4);
    types that are no outputs are ignored. ``keep_out`` is given every bundle, and ``overflow``
    what is beyond the limits; without one that is lost.
    """

    def __init__(
        self,
        limits: OutputLimits,
        keep_out: KeepOut = dict,
        overflow: CellOverflow | None = None,
    ) -> None:
        self._limits = limits
        self._keep_out = keep_out
        self._overflow = overflow or CellOverflow(0)
        self._entries: list[_Stream | _Display] = []
        self._taken = 0
        self._taken_text_bytes: int | None = None
        self._keep = 0
        self._clear_on_next = False
        self._chars = 0
        self._marker: _Display | None = None
        self._question: _Display | None = None
        self._question_stays = False
        self._late_errors = 0
        self.has_error = False

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def chars(self) -> int:
        """Characters of all messages as JSON."""
        return self._chars

    def apply(self, kind: str, content: dict[str, Any]) -> None:
        """Fold in one message; what comes late was printed before the question that waits."""
        question = None if self._question_stays else self._question
        if question is not None:
            self.settle_question(None)
        self._apply(kind, shareable(content))
        if question is not None:
            self._ask(question)

    def _apply(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            self.write(str(content.get("name", "stdout")), str(content.get("text", "")))
        elif kind in _BUNDLE_TYPES:
            self._show(kind, content)
        elif kind == "error":
            self.show_error(
                str(content.get("ename", "")),
                str(content.get("evalue", "")),
                texts(content.get("traceback")),
            )
        elif kind == "clear_output":
            self._clear(wait=bool(content.get("wait", False)))

    def write(self, name: str, text: str) -> None:
        """Print ``text`` to the stream ``name``; adjacent text of one stream is one output."""
        self._clear_if_due()
        if self._marker is None and text:
            text = self._write_what_fits(name, text)
            if text:
                self._mark()
        self._overflow.add_text(name, text)

    def show_error(self, name: str, value: str, traceback: list[str]) -> None:
        """Append an error output; beyond the limits it is shortened, and stands before the mark."""
        self._clear_if_due()
        self.has_error = True
        entry = _error(name, value, traceback, _MAX_TRACEBACK_CHARS)
        if self._has_room(entry.chars):
            self._append(entry)
            return
        self._mark()
        if self._late_errors >= _MAX_LATE_ERRORS:
            self._overflow.add(entry.output, chars=entry.chars)
            return
        self._late_errors += 1
        index = self._entries.index(self._marker) if self._marker else len(self._entries)
        self._entries.insert(index, _error(name, value, traceback, _MAX_LATE_ERROR_CHARS))
        self._keep = min(self._keep, index)

    def update_display(self, display_id: str, content: dict[str, Any]) -> bool:
        """Replace what the displays with this id show; False when there is none here."""
        found = False
        bundle = self._bundle(content)
        for index, entry in enumerate(self._entries):
            if isinstance(entry, _Display) and entry.display_id == display_id:
                self._replace(index, entry, bundle)
                found = True
        self._overflow.update_display(display_id, bundle)
        return found

    def ask(self, output: Output) -> None:
        """Show a question as the last output."""
        self._clear_if_due()
        self.settle_question(None)
        self._ask(_Display(output, _output_chars(output)))

    def hold_question(self) -> None:
        """Leave the question where it is: what comes now was printed after it."""
        self._question_stays = True

    def settle_question(self, answered: Output | None) -> None:
        """Show the answer in place of the question, or take the question away."""
        question, self._question = self._question, None
        if question is None or question not in self._entries:
            return
        index = self._entries.index(question)
        del self._entries[index]
        self._chars -= question.chars
        self._keep = min(self._keep, index)
        if answered is None:
            return
        entry = _Display(answered, _output_chars(answered))
        if self._has_room(entry.chars):
            self._entries.insert(index, entry)
            self._chars += entry.chars
        else:
            self._mark()
            self._overflow.add(answered, chars=entry.chars)

    def take_edit(self) -> OutputsEdit | None:
        """Return the difference to the outputs at the previous call, or None."""
        keep, taken = self._keep, self._taken
        erase = add = ""
        last = self._entries[keep - 1] if keep else None
        if isinstance(last, _Stream):
            text_edit = last.text.take_edit()
            if keep == taken:
                erase, add = text_edit.erase, text_edit.add
            elif text_edit.erase or text_edit.add:
                keep -= 1  # only the text of the document's last output can be edited
        append = self._take_from(keep)
        if keep == taken and not (erase or add or append):
            return None
        return OutputsEdit(keep, erase, add, append)

    def take_all(self) -> OutputsEdit:
        """Return an edit that writes everything again, and count it as taken."""
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
        """UTF-8 length of the last taken output's text; None if that is not a stream."""
        return self._taken_text_bytes

    def forget_taken(self) -> None:
        """Keep only what was not taken yet: somebody cleared the outputs in the document."""
        taken, fresh = self._entries[: self._taken], self._entries[self._taken :]
        last = taken[-1] if taken else None
        self._reset()
        self._taken = 0
        self._taken_text_bytes = None
        if isinstance(last, _Stream) and (added := last.text.take_edit().add):
            self.write(last.name, added)
        for entry in fresh:
            if isinstance(entry, _Stream):
                self.write(entry.name, str(entry.text))
            else:
                self._append(entry)

    def _show(self, kind: str, content: dict[str, Any]) -> None:
        self._clear_if_due()
        output: Output = {"output_type": kind, **self._bundle(content)}
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        display_id = display_id_of(content)
        entry = _Display(output, _output_chars(output), display_id)
        if self._has_room(entry.chars):
            self._append(entry)
        else:
            self._mark()
            self._overflow.add(output, display_id, chars=entry.chars)

    def _bundle(self, content: dict[str, Any]) -> Output:
        data = self._keep_out(mapping(content.get("data")))
        return {"data": data, "metadata": mapping(content.get("metadata"))}

    def _replace(self, index: int, entry: _Display, bundle: Output) -> None:
        output = {**entry.output, **bundle}
        chars = _output_chars(output)
        if self._chars - entry.chars + chars > self._limits.max_chars:
            text = f"[A display of {chars} characters is too large to be shown.]"
            output["data"] = {"text/plain": text}
            chars = _output_chars(output)
        self._chars += chars - entry.chars
        entry.output, entry.chars = output, chars
        self._keep = min(self._keep, index)

    def _clear(self, *, wait: bool) -> None:
        self._clear_on_next = wait
        if not wait:
            self._reset()

    def _reset(self) -> None:
        self._entries = []
        self._keep = self._chars = self._late_errors = 0
        self._marker = self._question = None
        self._overflow.clear()

    def _clear_if_due(self) -> None:
        if self._clear_on_next:
            self._clear(wait=False)

    def _has_room(self, chars: int) -> bool:
        return (
            self._marker is None
            and len(self._entries) < self._limits.max_outputs
            and self._chars + chars <= self._limits.max_chars
        )

    def _ask(self, question: _Display) -> None:
        self._question, self._question_stays = question, False
        self._append(question)

    def _append(self, entry: _Stream | _Display) -> None:
        self._entries.append(entry)
        self._chars += entry.chars

    def _mark(self) -> None:
        """Say that there is more, from now on."""
        if self._marker is None:
            self._marker = _Display(more_output())
            self._entries.append(self._marker)

    def _write_what_fits(self, name: str, text: str) -> str:
        """Write as much as there is room for, and return the rest.

        Piece by piece, because text that goes back to the start of its line needs little room.
        """
        while text:
            if not self._ends_with_stream(name):
                if not self._has_room(_STREAM_CHARS + 1):
                    return text
                self._append(_Stream(name))
            stream = self._entries[-1]
            assert isinstance(stream, _Stream)  # noqa: S101 - it was just made sure
            piece = _fitting(text, self._limits.max_chars - self._chars)
            if not piece:
                return text
            before = stream.chars
            stream.text.write(piece)
            self._chars += stream.chars - before
            text = text[len(piece) :]
        return text

    def _ends_with_stream(self, name: str) -> bool:
        last = self._entries[-1] if self._entries else None
        return isinstance(last, _Stream) and last.name == name

    def _take_from(self, keep: int) -> tuple[Output, ...]:
        for entry in self._entries[keep:]:
            if isinstance(entry, _Stream):
                entry.text.take_edit()
        self._taken = self._keep = len(self._entries)
        last = self._entries[-1] if self._entries else None
        self._taken_text_bytes = len(str(last.text).encode()) if isinstance(last, _Stream) else None
        return tuple(entry.render() for entry in self._entries[keep:])


def _error(name: str, value: str, traceback: list[str], limit: int) -> _Display:
    output: Output = {
        "output_type": "error",
        "ename": name,
        "evalue": _clip(value, limit),
        "traceback": _clip("\n".join(traceback), limit).split("\n"),
    }
    return _Display(output, _output_chars(output))


def _fitting(text: str, room: int) -> str:
    """Return the beginning of a text that takes at most ``room`` characters as JSON."""
    piece = text[: max(0, room)]
    surplus = json_chars(piece) - room
    # Each character that is taken away makes at least one less.
    return piece[: len(piece) - surplus] if surplus > 0 else piece


def _output_chars(output: Output) -> int:
    """Return the length of the output's message, which says no type, as JSON."""
    message = {name: part for name, part in output.items() if part and name != "output_type"}
    return len(json.dumps(message, ensure_ascii=False, default=str))


_STREAM_CHARS = _output_chars({"name": "stdout", "text": "."}) - 1


def _clip(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head, tail = text[: limit // 2], text[-(limit // 2) :]
    return f"{head}\n[{len(text) - len(head) - len(tail)} characters are not shown.]\n{tail}"
