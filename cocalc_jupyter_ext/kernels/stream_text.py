r"""Text of one output stream as a terminal of unlimited width would show it.

Pure. ``\r`` moves the cursor to the start of the line, ``\b`` one cell back, ``\n`` to the
start of a new line; printing overwrites what is under the cursor; ``ESC[K`` and its variants
erase within the line. Other escape sequences (colours) take no room and travel with the
character that follows them. A newline always leaves the rest of its line in place.

Only the last line can still change, so the difference to what was taken before is always
"erase some characters at the end, then append": the one edit of a stream's shared text that
every front end applies correctly (it applies deletions at the end whatever their position).
"""

import json
import re
from dataclasses import dataclass

__all__ = ["StreamText", "TextEdit", "json_chars"]

_TOKEN = re.compile(
    r"\x1b\[(?P<argument>[0-9;?]*)[ -/]*(?P<final>[@-~])"
    r"|(?P<partial>\x1b(?:\[[0-9;?]{0,64}[ -/]{0,8})?\Z)"
    r"|(?P<run>[^\x1b\r\b\n]+)"
    r"|(?P<char>.)",
    re.DOTALL,
)
_SPECIAL = re.compile(r"[\r\b\x1b]")
_MAX_LINE_CELLS = 20_000


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Erase ``erase`` at the end of the text (its exact characters), then append ``add``."""

    erase: str
    add: str

    def __bool__(self) -> bool:
        return bool(self.erase or self.add)


def json_chars(text: str) -> int:
    """Return the characters of a text as JSON, without the quotation marks."""
    return len(json.dumps(text, ensure_ascii=False)) - 2


class StreamText:
    """The text, the cursor in its last line, and what was not taken yet."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._done_chars = 0
        self._done_json_chars = 0
        self._cells: list[str] = []
        self._column = 0
        self._prefix = ""
        self._partial = ""
        self._kept = 0
        self._erase = ""
        self._add: list[str] = []

    def __len__(self) -> int:
        """Characters of the text, counting a coloured character with its escape sequence as one."""
        return self._done_chars + len(self._cells)

    def __str__(self) -> str:
        return "".join(self._done) + "".join(self._cells)

    @property
    def json_chars(self) -> int:
        """Characters of the text as JSON, without the quotation marks."""
        return self._done_json_chars + json_chars("".join(self._cells))

    def write(self, text: str) -> None:
        """Print ``text`` at the cursor."""
        text = self._partial + text
        self._partial = ""
        at_end = self._column == len(self._cells) and not self._prefix
        if at_end and _SPECIAL.search(text) is None:
            self._write_plain(text)
        else:
            self._write_tokens(text)

    def take_edit(self) -> TextEdit:
        """Return the difference to the text at the previous call and count it as taken."""
        self._settle_prefix()
        edit = TextEdit(self._erase, "".join(self._add) + self._new_part_of_line())
        self._erase = ""
        self._add.clear()
        self._kept = len(self._cells)
        return edit

    def _new_part_of_line(self) -> str:
        return "".join(self._cells[self._kept :])

    def _settle_prefix(self) -> None:
        """Let an escape sequence that no character followed yet end the text."""
        if self._prefix and self._column > 0:
            self._pad(self._column)
            self._touch(self._column - 1)
            self._cells[self._column - 1] += self._prefix
            self._prefix = ""

    def _write_plain(self, text: str) -> None:
        head, newline, rest = text.rpartition("\n")
        if newline:
            self._end_line(head + newline)
        self._cells.extend(rest)
        self._column = len(self._cells)
        if self._column > _MAX_LINE_CELLS:
            self._end_line("")

    def _write_tokens(self, text: str) -> None:
        for token in _TOKEN.finditer(text):
            if token["run"]:
                self._put_run(token["run"])
            elif token["char"]:
                self._write_char(token["char"])
            elif token["partial"]:
                self._partial = token["partial"]
            elif token["final"] == "K":
                self._erase_in_line(token["argument"])
            else:
                self._prefix += token.group()

    def _write_char(self, char: str) -> None:
        if char == "\n":
            self._settle_prefix()
            self._end_line(self._prefix + "\n")
            self._prefix = ""
        elif char == "\r":
            self._settle_prefix()
            self._column = 0
        elif char == "\b":
            self._column = max(0, self._column - 1)
        else:
            self._prefix += char

    def _erase_in_line(self, argument: str) -> None:
        if argument in {"", "0"}:
            self._touch(self._column)
            del self._cells[self._column :]
        elif argument == "2":
            self._touch(0)
            self._cells.clear()
        elif argument == "1":
            self._touch(0)
            count = min(self._column + 1, len(self._cells))
            self._cells[:count] = [" "] * count

    def _put_run(self, run: str) -> None:
        """Print characters that take one cell each."""
        self._pad(self._column)
        self._touch(self._column)
        cells = list(run)
        cells[0] = self._prefix + cells[0]
        self._prefix = ""
        self._cells[self._column : self._column + len(cells)] = cells
        self._column += len(cells)

    def _pad(self, column: int) -> None:
        self._cells.extend(" " * (column - len(self._cells)))

    def _touch(self, column: int) -> None:
        """Remember the taken cells from ``column`` on as erased, before they change."""
        if column < self._kept:
            self._erase = "".join(self._cells[column : self._kept]) + self._erase
            self._kept = column

    def _end_line(self, ending: str) -> None:
        self._add.append(self._new_part_of_line() + ending)
        line = "".join(self._cells) + ending
        self._done.append(line)
        self._done_chars += len(line)
        self._done_json_chars += json_chars(line)
        self._cells.clear()
        self._column = self._kept = 0
