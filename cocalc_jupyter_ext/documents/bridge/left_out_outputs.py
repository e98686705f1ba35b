"""What a file holds of outputs beyond what records hold of them (syncdoc-jupyter §4.6, §7.1)."""

from typing import Any

from jupyter_ydoc import YNotebook

from ..notebook_actions.outputs import outputs_of
from ..notebook_records.live_outputs import message_from_live_output
from ..notebook_records.outputs import MORE_OUTPUT
from ..syncdoc.records import Records
from .shared_cells import read_whole_cell

__all__ = ["left_out_outputs"]


def left_out_outputs(notebook: YNotebook, records: Records, cell_id: str) -> list[dict[str, Any]]:
    """Return the outputs of a shared cell in place of which its record has only the mark."""
    record = records.get_one({"type": "cell", "id": cell_id})
    messages = [] if record is None else outputs_of(record)
    if not messages or messages[-1] != MORE_OUTPUT:
        return []
    shared = (cell for cell in notebook.ycells if cell.get("id") == cell_id)
    outputs = [output for cell in shared for output in read_whole_cell(cell).get("outputs") or ()]
    # What a run has left out is marked in the shared types, too: there is no more of that.
    rest = outputs[len(messages) - 1 :]
    return [output for output in rest if message_from_live_output(output) is None]
