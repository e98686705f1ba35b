"""Which Output widget captures what (syncdoc-jupyter §8.4)."""

from typing import Any

from cocalc_jupyter_ext.kernels.widgets.captures import MAX_REQUESTS, Captures


def set_id(
    captures: Captures, widget: str, request: str, *, parent: str = "run", **more: Any
) -> None:
    captures.note(widget, {"method": "update", "state": {"msg_id": request}, **more}, parent)


def test_a_widget_captures_the_request_it_names_until_its_field_is_empty() -> None:
    captures = Captures()
    set_id(captures, "out", "run")
    assert (captures.target("run"), captures.target("other")) == ("out", None)
    set_id(captures, "out", "")
    assert captures.target("run") is None


def test_of_several_widgets_the_latest_captures_and_then_the_one_before() -> None:
    captures = Captures()
    set_id(captures, "outer", "run")
    set_id(captures, "inner", "run")
    assert captures.target("run") == "inner"
    set_id(captures, "inner", "")
    assert captures.target("run") == "outer"


def test_a_widget_captures_one_request_at_a_time() -> None:
    captures = Captures()
    set_id(captures, "out", "run")
    set_id(captures, "out", "click", parent="click")
    assert (captures.target("run"), captures.target("click")) == (None, "out")


def test_an_echo_is_what_a_browser_said_and_captures_nothing() -> None:
    captures = Captures()
    set_id(captures, "out", "run", method="echo_update")
    captures.note("out", {"method": "update", "state": {"msg_id": 5}}, "run")
    captures.note("out", {"state": None}, "run")
    assert captures.requests == []


def test_a_closed_widget_captures_nothing() -> None:
    captures = Captures()
    set_id(captures, "out", "run")
    captures.close("out")
    captures.close("other")
    assert captures.target("run") is None


def test_a_request_counts_as_captured_until_it_ends() -> None:
    captures = Captures()
    set_id(captures, "out", "run")
    set_id(captures, "out", "")
    assert captures.requests == ["run"]
    assert captures.end("run")
    assert not captures.end("run")
    assert captures.requests == []


def test_a_copy_goes_its_own_way() -> None:
    captures = Captures()
    set_id(captures, "out", "run")
    copy = captures.copy()
    set_id(captures, "out", "")
    assert (captures.target("run"), copy.target("run")) == (None, "out")
    set_id(copy, "out", "")
    assert copy.target("run") is None


def test_requests_that_never_end_are_forgotten_at_last() -> None:
    captures = Captures()
    for number in range(MAX_REQUESTS + 50):
        set_id(captures, f"out{number}", f"run{number}")
    assert len(captures.requests) == MAX_REQUESTS
    assert captures.target("run0") is None
