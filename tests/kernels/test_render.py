import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Array, Map, Text

from cocalc_jupyter_ext.kernels import render
from cocalc_jupyter_ext.kernels.outputs import CellOutputs, OutputLimits
from tests.kernels.test_outputs import MESSAGES, SMALL, display, stream
from tests.support.memory_document import MemoryDocument


class FrontEnd:
    """Displays a cell as JupyterLab 4.6 does, from the changes of each transaction.

    It takes only the first changed text and takes it for the last output's; it deletes at the
    end of the text; it appends inserted outputs wherever they were inserted; it joins a stream
    with the previous output of the same name.
    """

    def __init__(self, cell: Map):
        self.outputs = []
        self._last_stream = ""
        self._cell = cell
        cell.observe_deep(self._on_change)

    def _on_change(self, events):
        texts = [e for e in events if len(e.path) == 3 and e.path[0] == "outputs"]
        if texts:
            self._change_text(texts[0].delta)
        for event in events:
            if event.path == ["outputs"]:
                self._change_outputs(event.delta)

    def _change_text(self, delta):
        last = self.outputs[-1]
        for step in delta:
            last["text"] = last["text"][: len(last["text"]) - step.get("delete", 0)]
            last["text"] += step.get("insert", "")

    def _change_outputs(self, delta):
        position = 0
        for step in delta:
            position += step.get("retain", 0)
            del self.outputs[position : position + step.get("delete", 0)]
            for output in step.get("insert", []):
                self._add(output.to_py())

    def _add(self, output):
        name = output.get("name", "")
        if name and name == self._last_stream and self.outputs:
            self.outputs[-1]["text"] += output["text"]
        else:
            self.outputs.append(output)
        self._last_stream = name


@pytest.fixture
def document():
    return MemoryDocument("1 + 1", "2")


def folded(*messages, limits=OutputLimits()):  # noqa: B008 - a frozen value
    outputs = CellOutputs(limits)
    for kind, content in messages:
        outputs.apply(kind, content)
    return outputs


def write(document, outputs):
    with document.edit():
        render.write(document.ydoc.ycells[0], outputs)


def shown(document):
    return document.cell(0)["outputs"]


@settings(deadline=None)
@given(MESSAGES, st.sampled_from([OutputLimits(), SMALL]))
def test_document_and_front_end_show_the_outputs_whatever_the_kernel_prints(messages, limits):
    document = MemoryDocument("1")
    front_end = FrontEnd(document.ydoc.ycells[0])
    outputs = CellOutputs(limits)
    for kind, content in [*messages, ("take", None)]:
        if kind == "take":
            write(document, outputs)
            assert shown(document) == outputs.snapshot()
            assert front_end.outputs == outputs.snapshot()
        elif kind == "update":
            outputs.update_display(content[1], {"data": {"text/plain": content[0]}})
        else:
            outputs.apply(kind, content)


def test_every_output_is_a_map_and_the_text_of_a_stream_a_text(document):
    write(document, folded(stream("a"), display("b")))
    outputs = document.ydoc.ycells[0]["outputs"]
    assert isinstance(outputs, Array)
    assert all(isinstance(output, Map) for output in outputs)
    assert isinstance(outputs[0]["text"], Text)


def test_text_is_appended_to_the_same_shared_text(document):
    outputs = folded(stream("a"))
    write(document, outputs)
    deltas = []
    text = document.ydoc.ycells[0]["outputs"][0]["text"]
    text.observe(lambda event: deltas.append(event.delta))
    outputs.apply(*stream("b"))
    write(document, outputs)
    assert deltas == [[{"retain": 1}, {"insert": "b"}]]


@pytest.mark.parametrize("text", ["é", "😀", "日"])
def test_characters_of_any_width_are_erased_as_a_whole(document, text):
    outputs = folded(stream(f"{text}{text}"))
    write(document, outputs)
    outputs.apply(*stream(f"\b{text}x"))
    write(document, outputs)
    assert shown(document)[0]["text"] == f"{text}{text}x"


def test_outputs_that_somebody_cleared_stay_cleared(document):
    outputs = folded(stream("old\n"))
    write(document, outputs)
    document.ydoc.ycells[0]["outputs"].clear()
    outputs.apply(*stream("new\n"))
    write(document, outputs)
    assert [output["text"] for output in shown(document)] == ["new\n"]


def test_outputs_that_a_front_end_wrote_back_are_written_anew(document):
    outputs = folded(stream("one\n"))
    write(document, outputs)
    shared = document.ydoc.ycells[0]["outputs"]
    del shared[0]
    shared.append(Map({"output_type": "stream", "name": "stdout", "text": Text("on")}))
    outputs.apply(*stream("two\n"))
    write(document, outputs)
    assert [output["text"] for output in shown(document)] == ["one\ntwo\n"]


def test_a_front_ends_plain_text_is_replaced_by_a_shared_text(document):
    outputs = folded(stream("one\n"))
    write(document, outputs)
    shared = document.ydoc.ycells[0]["outputs"]
    del shared[0]
    shared.append({"output_type": "stream", "name": "stdout", "text": "one\n"})
    outputs.apply(*stream("two\n"))
    write(document, outputs)
    assert [output["text"] for output in shown(document)] == ["one\ntwo\n"]


def test_a_start_clears_trusts_and_shows_the_star_in_one_change(document):
    cell = document.ydoc.ycells[0]
    write(document, folded(stream("old")))
    changes = []
    document.ydoc.ydoc.observe(changes.append)
    with document.edit():
        render.show_started(cell)
    assert len(changes) == 1
    plain = document.cell(0)
    assert plain["outputs"] == []
    assert plain["metadata"]["trusted"] is True
    assert (plain["execution_state"], plain["execution_count"]) == ("running", None)


def test_the_count_is_written_together_with_the_end_of_the_star(document):
    cell = document.ydoc.ycells[0]
    with document.edit():
        render.show_started(cell)
    keys = []
    cell.observe(lambda event: keys.append(set(event.keys)))
    with document.edit():
        render.show_finished(cell, 3)
    assert keys == [{"execution_count", "execution_state"}]
    assert document.cell(0)["execution_count"] == 3


def test_what_is_shown_already_is_not_written_again(document):
    cell = document.ydoc.ycells[0]
    with document.edit():
        render.show_queued(cell)
    keys = []
    cell.observe(lambda event: keys.append(set(event.keys)))
    with document.edit():
        render.show_queued(cell)
    assert keys == []


def test_an_appended_output_leaves_the_others(document):
    write(document, folded(stream("old")))
    with document.edit():
        render.append_output(document.ydoc.ycells[0], {"output_type": "error", "ename": "E"})
    assert [output["output_type"] for output in shown(document)] == ["stream", "error"]


def test_only_code_cells_with_outputs_can_be_run(document):
    assert render.is_code_cell(document.ydoc.ycells[0])
    document.ydoc.ycells[0]["cell_type"] = "markdown"
    assert not render.is_code_cell(document.ydoc.ycells[0])
