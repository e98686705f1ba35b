"""What Output widgets show (syncdoc-jupyter §8.4)."""

from cocalc_jupyter_ext.kernels.widgets.captured_outputs import CapturedOutputs, to_messages


def stream(text: str) -> dict[str, str]:
    return {"name": "stdout", "text": text}


def shown(*texts: str) -> list[dict[str, str]]:
    return [{"output_type": "stream", **stream(text)} for text in texts]


def test_new_content_comes_after_what_was_there() -> None:
    outputs = CapturedOutputs(shown("before\n"))
    outputs.apply("stream", stream("after\n"))
    assert outputs.snapshot() == shown("before\nafter\n")


def test_clearing_empties_it_at_once_or_with_the_next_output() -> None:
    outputs = CapturedOutputs(shown("a"))
    outputs.apply("clear_output", {"wait": True})
    assert outputs.snapshot() == shown("a")
    outputs.apply("stream", stream("b"))
    assert outputs.snapshot() == shown("b")
    outputs.apply("clear_output", {"wait": False})
    assert outputs.snapshot() == []


def test_a_display_in_it_can_be_updated() -> None:
    def display(text: str) -> dict[str, object]:
        return {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": "d"}}

    outputs = CapturedOutputs([])
    outputs.apply("display_data", display("old"))
    assert outputs.update_display("d", display("new"))
    assert not outputs.update_display("other", display("new"))
    assert outputs.snapshot()[0]["data"] == {"text/plain": "new"}


def test_content_that_is_none_is_taken_as_empty() -> None:
    for nonsense in (None, "text", {"a": 1}, [5, None]):
        assert CapturedOutputs(nonsense).snapshot() == []
        assert to_messages(nonsense) == []


def test_cocalc_clients_get_no_type() -> None:
    assert to_messages(shown("a")) == [stream("a")]
