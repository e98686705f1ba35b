"""Files attached to cells, in their records (syncdoc-jupyter §3.6)."""

import pytest

from cocalc_jupyter_ext.documents.notebook_records.attachments import (
    LOADING,
    failed,
    image_type,
    is_loading,
    loaded,
    wanted_loads,
)

RECORD = {
    "attachments": {
        "a.png": {"type": "load", "value": "uploads/a.png"},
        "b.png": dict(LOADING),
        "c.png": loaded("a" * 40),
        "d.png": failed("it is gone"),
        "e.png": {"type": "load", "value": None},
        "f.png": None,
    }
}


def test_only_files_with_a_path_are_asked_for() -> None:
    assert list(wanted_loads(RECORD)) == [("a.png", "uploads/a.png")]
    assert list(wanted_loads({})) == []
    assert list(wanted_loads({"attachments": "x"})) == []


def test_what_is_being_read_says_so() -> None:
    assert is_loading(RECORD)
    assert is_loading(RECORD, "b.png")
    assert not is_loading(RECORD, "c.png")
    assert not is_loading({})


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.jpg", "image/jpeg"), ("A.PNG", "image/png"), ("x.svg", "image/svg+xml")],
)
def test_the_type_of_a_picture_follows_from_its_name(name: str, kind: str) -> None:
    assert image_type(name) == kind
