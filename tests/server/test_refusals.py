import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.documents.errors import (
    DocumentError,
    FileMissingError,
    FileUnreadableError,
    InvalidRoomIdError,
    UnknownDocumentError,
)
from cocalc_jupyter_ext.server.refusals import (
    OTHER_HISTORY,
    REVOKED,
    Refusals,
    dialog,
    shorten,
)

UNREADABLE = FileUnreadableError("a.ipynb", "not a notebook")
ROOM = "json:notebook:1"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidRoomIdError("x"), 4400),
        (UnknownDocumentError("json:notebook:x"), 4404),
        (FileMissingError("a.ipynb"), 4404),
        (UNREADABLE, 1003),
    ],
)
def test_each_error_has_its_close_code(error: DocumentError, code: int) -> None:
    assert Refusals().closing(error, "", ROOM).code == code


def test_a_page_is_told_once_and_then_its_tab_is_closed() -> None:
    refusals = Refusals()
    first, second = refusals.new_session(), refusals.new_session()

    codes = [refusals.closing(UNREADABLE, session, ROOM).code for session in (first, first, second)]

    assert codes == [1003, 4500, 1003]


def test_a_page_that_shows_the_reason_already_is_not_told_again() -> None:
    refusals = Refusals()
    refusals.note_told(ROOM)

    codes = [
        refusals.closing(UNREADABLE, refusals.new_session(), room).code
        for room in (ROOM, ROOM, "json:notebook:2")
    ]

    assert codes == [4500, 4500, 1003]


def test_a_page_that_has_the_document_is_never_made_to_drop_it() -> None:
    refusals = Refusals()

    codes = {refusals.closing(UNREADABLE, "an-epoch", ROOM).code for _ in range(3)}

    assert codes == {1013}


def test_what_is_remembered_is_bounded() -> None:
    refusals = Refusals()
    for _ in range(3000):
        refusals.closing(UNREADABLE, refusals.new_session(), ROOM)

    assert len(refusals._told) == 1000


def test_the_standing_messages_fit_and_are_understood() -> None:
    for closing in (REVOKED, OTHER_HISTORY):
        assert len(closing.reason.encode()) <= 123
        assert json.loads(closing.reason)["reason"] == "unknown_session"
        assert "…" not in closing.reason


@given(st.text(max_size=300))
def test_every_text_fits_into_a_close_frame(text: str) -> None:
    closing = dialog(text)

    assert len(closing.reason.encode()) <= 123
    assert json.loads(closing.reason)["reason"] == "initialization_error"
    assert len(shorten(text).encode()) <= 123


def test_a_long_text_keeps_its_beginning_and_end() -> None:
    payload = json.loads(dialog("folder/" * 20 + "name.ipynb: not a notebook").reason)

    assert payload["errorReason"].startswith("folder/")
    assert payload["errorReason"].endswith(": not a notebook")
