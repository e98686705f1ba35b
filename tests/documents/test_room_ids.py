import pytest

from cocalc_jupyter_ext.documents.errors import InvalidRoomIdError
from cocalc_jupyter_ext.documents.room_ids import RoomId


def test_the_wire_form_comes_back() -> None:
    assert str(RoomId.parse("json:notebook:0f-1_a")) == "json:notebook:0f-1_a"


@pytest.mark.parametrize(
    "text",
    ["", "json:notebook", "xml:file:a", "text:file:../../etc", "text:a/b:c", "json:notebook:a\n"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidRoomIdError, match="format:type:fileId"):
        RoomId.parse(text)


def test_documents_of_one_file_have_different_file_names() -> None:
    names = {RoomId.parse(t).file_name for t in ("json:notebook:a", "text:file:a", "text:file:b")}

    assert len(names) == 3
