"""CoCalc clients' cursors are where JupyterLab's editors must show them (syncdoc-jupyter §1.12).

The ids of characters are those of Yjs: one client's characters are counted in UTF-16 units.
"""

from typing import Any

import pytest
from jupyter_ydoc import YNotebook, YUnicode
from pycrdt import Doc, StickyIndex, Text

from cocalc_jupyter_ext.documents.bridge.cursors import (
    MAX_PLACES,
    Spot,
    awareness_state,
    relative_positions,
    spots_of,
)

from ...support.notebooks import notebook

ANN = 7


def text_document(*pieces: str) -> YUnicode:
    """Return a text that one person has typed, piece by piece."""
    document = YUnicode(Doc(client_id=ANN))
    for piece in pieces:
        document.ydoc["source"] += piece
    return document


def notebook_document(*sources: str) -> YNotebook:
    document = YNotebook(Doc(client_id=ANN))
    document.set(notebook(*sources))
    return document


def offsets(document: Any, *places: object) -> list[int]:
    return [spot.offset for spot in spots_of(document, places)]


def only(positions: dict[Spot, dict[str, Any]]) -> dict[str, Any]:
    (position,) = positions.values()
    return position


def before(clock: int) -> dict[str, Any]:
    return {"type": None, "tname": None, "item": {"client": ANN, "clock": clock}, "assoc": 0}


@pytest.mark.parametrize(
    ("x", "y", "offset"),
    [(0, 0, 0), (1, 0, 1), (3, 0, 5), (4, 0, 7), (0, 1, 8), (1, 1, 9)],
)
def test_columns_are_utf16_units_of_a_line(x: int, y: int, offset: int) -> None:
    assert offsets(text_document("a😀é\nb"), {"x": x, "y": y}) == [offset]


@pytest.mark.parametrize(
    ("x", "y", "offset"),
    [(99, 0, 7), (0, 99, 9), (2, 0, 1), (-3, 0, 0), (5, -1, 7)],
)
def test_a_place_that_is_none_is_moved_to_the_nearest(x: int, y: int, offset: int) -> None:
    assert offsets(text_document("a😀é\nb"), {"x": x, "y": y}) == [offset]


@pytest.mark.parametrize(
    "place",
    [None, 7, {}, {"x": 1}, {"x": "1", "y": 0}, {"x": 0.5, "y": 0}, {"type": "compute-server"}],
)
def test_what_is_no_place_is_left_out(place: object) -> None:
    assert spots_of(text_document("abc"), [place, {"x": 1, "y": 0}]) == [Spot(-1, 1)]


def test_places_in_a_notebook_are_found_by_the_ids_of_cells() -> None:
    document = notebook_document("1", "é = 2")
    cell_id = document.ycells[1]["id"]

    assert spots_of(document, [{"x": 1, "y": 0, "id": cell_id}]) == [Spot(1, 2)]
    assert spots_of(document, [{"x": 1, "y": 0, "id": "gone"}, {"x": 1, "y": 0}]) == []
    assert spots_of(document, [{"x": 1, "y": 0, "id": [cell_id]}]) == []


def test_a_participant_has_a_bounded_number_of_cursors() -> None:
    places = [{"x": column, "y": 0} for column in range(2 * MAX_PLACES)]

    assert len(spots_of(text_document("x" * 100), places)) == MAX_PLACES


@pytest.mark.parametrize(("offset", "clock"), [(0, 0), (1, 1), (5, 3), (7, 4)])
def test_a_position_is_before_a_character_as_yjs_counts_it(offset: int, clock: int) -> None:
    document = text_document("a😀éb")

    assert only(relative_positions(document.ydoc, [Spot(-1, offset)])) == before(clock)


def test_a_position_at_the_end_is_after_the_last_character() -> None:
    document = text_document("a😀")

    assert only(relative_positions(document.ydoc, [Spot(-1, 5)])) == {**before(2), "assoc": -1}


def test_a_position_in_an_empty_text_names_the_text() -> None:
    assert only(relative_positions(text_document().ydoc, [Spot(-1, 0)])) == {
        "type": None,
        "tname": "source",
        "item": None,
        "assoc": 0,
    }


def test_a_position_in_an_empty_cell_names_the_shared_text() -> None:
    document = notebook_document("x", "")

    position = only(relative_positions(document.ydoc, [Spot(1, 0)]))

    assert position["tname"] is position["item"] is None
    assert position["type"]["client"] == ANN


def test_a_document_is_not_changed_by_looking_for_positions() -> None:
    document = notebook_document("x", "yé")
    before_state, before_update = document.ydoc.get_state(), document.ydoc.get_update()

    assert len(relative_positions(document.ydoc, [Spot(0, 1), Spot(1, 3), Spot(1, 0)])) == 3

    assert document.ydoc.get_state() == before_state
    assert document.ydoc.get_update() == before_update


def test_nothing_is_copied_for_no_position() -> None:
    assert relative_positions(text_document("abc").ydoc, []) == {}


def test_a_position_moves_with_its_text_when_others_edit() -> None:
    document = text_document("one two")
    source: Text = document.ydoc["source"]
    position = only(relative_positions(document.ydoc, [Spot(-1, 4)]))

    source.insert(0, "zero ")
    assert StickyIndex.from_json(position, source).get_index() == 9
    del source[0:7]
    assert StickyIndex.from_json(position, source).get_index() == 2


def test_every_place_in_a_text_of_many_authors_and_deletions_is_found() -> None:
    """In pieces of one character each, pycrdt's own way back is right for every text."""
    people = [YUnicode(Doc(client_id=number)) for number in (1, 2)]
    for index, character in enumerate("é😀\nxé😀y" * 5):
        writer, reader = people[index % 2], people[(index + 1) % 2]
        writer.ydoc["source"] += character
        if index % 4 == 3:
            del writer.ydoc["source"][0:2]
        reader.ydoc.apply_update(writer.ydoc.get_update(reader.ydoc.get_state()))
    source: Text = reader.ydoc["source"]
    text = str(source)
    spots = [Spot(-1, len(text[:count].encode())) for count in range(len(text))]

    positions = relative_positions(reader.ydoc, spots)

    found = {spot: StickyIndex.from_json(positions[spot], source).get_index() for spot in spots}
    assert found == {spot: spot.offset for spot in spots}


def test_a_state_has_all_that_jupyterlab_shows() -> None:
    positions = [before(1), before(2)]

    state = awareness_state("account", "Ann Example", positions)

    assert state["user"]["display_name"] == "Ann Example"
    assert state["user"]["initials"] == "AE"
    assert state["user"]["color"].startswith("var(--jp-collaborator-color")
    assert [(each["head"], each["primary"]) for each in state["cursors"]] == [
        (positions[0], True),
        (positions[1], False),
    ]
