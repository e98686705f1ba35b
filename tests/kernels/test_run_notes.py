from cocalc_jupyter_ext.kernels.run_notes import PREFIX, note_end, note_start
from tests.support.memory_document import MemoryDocument


def notes(document):
    state = document.ydoc.ystate.to_py()
    return {key: value for key, value in state.items() if key.startswith(PREFIX)}


def test_everybody_learns_who_ran_a_cell_and_when():
    document = MemoryDocument("one")
    note_start(document.ydoc, "c0", "Ada", 5)
    assert notes(document) == {"run:c0": {"by": "Ada", "start": 5.0}}
    note_end(document.ydoc, "c0", 9)
    note_end(document.ydoc, "c0", 11)
    assert notes(document) == {"run:c0": {"by": "Ada", "start": 5.0, "end": 9.0}}


def test_the_end_of_a_cell_that_never_ran_is_no_run():
    document = MemoryDocument("one")
    note_end(document.ydoc, "c0", 9)
    assert notes(document) == {}


def test_cells_that_are_gone_are_forgotten():
    document = MemoryDocument("one")
    for number in range(10):
        note_start(document.ydoc, f"gone{number}", "Ada", 5)
    note_start(document.ydoc, "c0", "Ada", 5)
    assert len(notes(document)) <= 3
    assert "run:c0" in notes(document)
