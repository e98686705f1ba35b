"""What cells printed beyond the limits (syncdoc-jupyter §4.6)."""

from cocalc_jupyter_ext.kernels.overflow import CellOverflow, Overflow


def display(text, display_id=None):
    output = {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}
    return output, display_id


def texts(outputs):
    return [each.get("text") or each["data"]["text/plain"] for each in outputs]


def test_adjacent_text_of_one_stream_is_one_output():
    kept = CellOverflow(1_000)
    for name in ("stdout", "stdout", "stderr"):
        kept.add_text(name, "x")
    assert [(each["name"], each["text"]) for each in kept.outputs()] == [
        ("stdout", "xx"),
        ("stderr", "x"),
    ]


def test_the_oldest_text_is_shortened_and_that_is_told_before_and_after():
    """syncdoc-jupyter §4.6: the oldest message is shortened if its text is long enough."""
    kept = CellOverflow(100)
    for number in range(50):
        kept.add_text("stdout", f"line {number:04}\n")
    warning, text, again = kept.outputs()
    assert warning == again
    assert (warning["name"], warning["text"]) == (
        "stderr",
        "WARNING: this cell printed more than is kept; missing here: the beginning of 1 output.\n",
    )
    assert text["text"].endswith("line 0048\nline 0049\n")
    assert len(text["text"]) == kept.chars == 100


def test_what_has_no_long_text_is_removed_and_counted():
    kept = CellOverflow(1_000)
    for number in range(100):
        kept.add(*display(str(number)))
    first, *shown, _ = texts(kept.outputs())
    assert shown[-1] == "99"
    # One that was shortened before it was removed counts once.
    beginning = "the beginning of 1 output and " if kept.truncated else ""
    assert first.endswith(f"; missing here: {beginning}{100 - len(shown)} outputs.\n")
    assert kept.truncated <= 1
    assert kept.chars <= 1_000


def test_output_without_end_takes_bounded_memory():
    kept = CellOverflow(1_000_000)
    for _ in range(1_000):
        kept.add_text("stdout", "x" * 1_000_000)
    assert kept.chars == 1_000_000
    assert len(kept.outputs()[1]["text"]) == 1_000_000


def test_a_display_that_is_kept_is_updated():
    kept = CellOverflow(1_000)
    kept.add(*display("old", "d"))
    kept.update_display("d", {"data": {"text/plain": "new"}})
    assert texts(kept.outputs()) == ["new"]


def test_a_cell_that_runs_again_begins_with_nothing():
    """syncdoc-jupyter §4.6: the buffer is dropped when the cell runs again."""
    overflow = Overflow()
    overflow.begin("a", 1_000).add_text("stdout", "old")
    assert texts(overflow.outputs("a")) == ["old"]
    overflow.begin("a", 1_000)
    assert overflow.outputs("a") == []
    assert overflow.outputs("unknown") == []


def test_all_cells_of_a_notebook_are_bounded_together():
    overflow = Overflow(max_chars=5_000)
    for cell in "abcdefgh":
        overflow.begin(cell, 1_000).add_text("stdout", cell * 1_000)
    assert overflow.chars <= 5_000
    assert overflow.outputs("a") == []
    assert texts(overflow.outputs("h")) == ["h" * 1_000]


def test_everything_is_dropped_at_once():
    overflow = Overflow()
    overflow.begin("a", 1_000).add_text("stdout", "x")
    overflow.clear()
    assert overflow.outputs("a") == []
