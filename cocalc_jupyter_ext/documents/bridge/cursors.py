"""Where a CoCalc client's cursor is in the shared types, as JupyterLab shows it (pure).

CoCalc clients count lines and UTF-16 units (syncdoc-jupyter §1.12), pycrdt counts UTF-8 bytes, and
JupyterLab wants the id of the character beside the cursor, so that the cursor moves with the text
around it. pycrdt's own positions are wrong in texts that are not ASCII. So these are read off an
edit: a mark is put at each place of a copy, and an edit tells between which characters it is.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jupyter_ydoc import YNotebook
from pycrdt import Array, Decoder, Doc, Text

from ..ysync import decode_state_vector

__all__ = ["MAX_PLACES", "Spot", "awareness_state", "relative_positions", "spots_of"]

MAX_PLACES: Final = 20
"""How many cursors of one participant are shown."""

_NO_CELL: Final = -1
_COLORS: Final = 7
_MARK: Final = "|"
_LEFT, _RIGHT = 0x80, 0x40


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A place in the shared types: in which cell (-1 in a text), and after how many bytes."""

    cell: int
    offset: int


def spots_of(ydoc: Any, places: Iterable[object]) -> list[Spot]:
    """Return where places are; those that make no sense or are in unknown cells are left out.

    What is beyond the end of a line or of the text is moved there, and what is inside of a
    character before it: a cursor may arrive before the text that it is in.
    """
    texts = _texts(ydoc)
    spots: list[Spot] = []
    for place in itertools.islice(places, MAX_PLACES):
        if not isinstance(place, Mapping):
            continue
        column, line, cell_id = (place.get(name) for name in ("x", "y", "id"))
        found = texts.get(str(cell_id) if isinstance(ydoc, YNotebook) else "")
        if found is not None and isinstance(column, int) and isinstance(line, int):
            cell, text = found
            spots.append(Spot(cell, _offset(str(text), column, line)))
    return list(dict.fromkeys(spots))


def _texts(ydoc: Any) -> dict[str, tuple[int, Text]]:
    """Return the text of a document under "", or those of a notebook's cells by their ids."""
    if not isinstance(ydoc, YNotebook):
        return {"": (_NO_CELL, ydoc.ydoc.get("source", type=Text))}
    sources = [(cell.get("id"), cell.get("source")) for cell in ydoc.ycells]
    return {
        str(cell_id): (index, source)
        for index, (cell_id, source) in enumerate(sources)
        if isinstance(source, Text)
    }


def _offset(text: str, column: int, line: int) -> int:
    """Return how many bytes are before a place."""
    lines = text.split("\n")
    if line >= len(lines):
        return len(text.encode())
    line = max(line, 0)
    before = sum(len(each.encode()) + 1 for each in lines[:line])
    units = lines[line].encode("utf-16-le")[: 2 * max(column, 0)]
    return before + len(units.decode("utf-16-le", "ignore").encode())


def _text(doc: Doc[Any], cell: int) -> Text:
    if cell == _NO_CELL:
        text: Text = doc.get("source", type=Text)
        return text
    cells: Array[Any] = doc.get("cells", type=Array)
    source: Text = cells[cell]["source"]
    return source


def relative_positions(doc: Doc[Any], spots: Iterable[Spot]) -> dict[Spot, dict[str, Any]]:
    """Return Yjs' relative position of each spot, in the JSON form with all of its fields.

    The whole document is copied once.
    """
    # From the last to the first, so that no mark moves a spot or is beside one.
    ordered = sorted(set(spots), reverse=True)
    if not ordered:
        return {}
    state = doc.get_state()
    known = decode_state_vector(state)
    copy: Doc[Any] = Doc(client_id=next(n for n in itertools.count(1) if n not in known))
    copy.apply_update(doc.get_update())
    with copy.transaction():
        for spot in ordered:
            _text(copy, spot.cell).insert(spot.offset, _MARK)
    return dict(zip(ordered, _positions(copy.get_update(state)), strict=True))


def _positions(update: bytes) -> Iterator[dict[str, Any]]:
    """Yield beside what the marks of an update (version 1 of Yjs' encoding) were put."""
    decoder = Decoder(update)
    read = decoder.read_var_uint
    _clients, marks, _client, _clock = read(), read(), read(), read()
    for _ in range(marks):
        info = _byte(decoder)
        left = (read(), read()) if info & _LEFT else None
        right = (read(), read()) if info & _RIGHT else None
        if right is not None:
            yield _position(item=right)
        elif left is not None:
            yield _position(item=left, assoc=-1)
        elif read():
            yield _position(name=decoder.read_var_string())
        else:
            yield _position(type_=(read(), read()))
        decoder.read_var_string()


def _byte(decoder: Decoder) -> int:
    byte = decoder.stream[decoder.i0]
    decoder.i0 += 1
    decoder.length -= 1
    return byte


def _position(
    *,
    type_: tuple[int, int] | None = None,
    name: str | None = None,
    item: tuple[int, int] | None = None,
    assoc: int = 0,
) -> dict[str, Any]:
    """Build a relative position; pages take a field that is missing for one that is there."""
    return {"type": _id(type_), "tname": name, "item": _id(item), "assoc": assoc}


def _id(place: tuple[int, int] | None) -> dict[str, int] | None:
    return None if place is None else {"client": place[0], "clock": place[1]}


def awareness_state(
    participant: str, name: str, positions: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Build the state by which JupyterLab shows a participant's name, colour and cursors."""
    color = int(hashlib.sha256(participant.encode()).hexdigest(), 16) % _COLORS + 1
    return {
        "user": {
            "username": participant,
            "name": name,
            "display_name": name,
            "initials": "".join(word[0] for word in name.split()[:2]).upper(),
            "color": f"var(--jp-collaborator-color{color})",
            "avatar_url": None,
        },
        "cursors": [
            {"anchor": position, "head": position, "primary": index == 0, "empty": True}
            for index, position in enumerate(positions)
        ],
    }
