"""What is read of messages from outside."""

import pytest

from cocalc_jupyter_ext.kernels.widgets.comm_messages import (
    CommMessage,
    buffers_by_path,
    path_text,
)


def test_a_place_of_binary_data_is_compact_json() -> None:
    """syncdoc-jupyter §8.1: as JavaScript writes it."""
    assert path_text(("value",)) == '["value"]'
    assert path_text(("value", 0, "größe")) == '["value",0,"größe"]'


def test_binary_parts_are_found_by_their_places() -> None:
    data = {"buffer_paths": [["a"], ["b", 0]]}
    assert buffers_by_path(data, [b"x", b"y"]) == {("a",): b"x", ("b", 0): b"y"}


@pytest.mark.parametrize(
    "paths", [None, "a", 5, [[]], [5], [[0]], [["a", -1]], [["a", True]], [["a", None]], [{}]]
)
def test_places_that_are_none_are_left_out(paths: object) -> None:
    assert buffers_by_path({"buffer_paths": paths}, [b"x"]) == {}


def test_parts_of_another_kind_than_expected_are_empty() -> None:
    message = CommMessage("r", "comm_msg", {"comm_id": 5, "data": [1]})
    assert (message.comm_id, message.data, message.state, message.method) == ("", {}, {}, "")
    message = CommMessage("r", "comm_msg", {"data": {"method": 5, "state": "s"}})
    assert (message.state, message.method) == ({}, "")
