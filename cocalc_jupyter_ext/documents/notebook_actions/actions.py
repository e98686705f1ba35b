"""The actions on one notebook, each one commit (syncdoc-jupyter §3.3, §4.1, §12.3, §15).

They are the same for a script, a CoCalc client and the project itself, and only change the
document: a run that is asked for is made by the project, which sees it in the records.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import joining, outputs, placing, running, settings
from .editing import (
    attach,
    attach_file,
    attachment_name,
    delete_attachment,
    set_cell_heading,
    set_cell_input,
    set_cell_type,
)
from .errors import InvalidActionError
from .look_actions import LookActions
from .reading import cell_ids, index_of, require_cell, require_map

__all__ = ["NotebookActions"]


class NotebookActions(LookActions):
    """Edits the cells of a notebook and asks for runs.

    Unless it says otherwise, an action raises UnknownCellError for a cell that is not there,
    and NotebookReadOnlyError; what is refused changes nothing. ``SyncDocument`` or ``SyncDB``
    are opened and closed by the caller.
    """

    # Running

    def run_code_cell(self, cell_id: str, *, no_halt: bool = False) -> bool:
        """Ask for a run of one cell; return whether there will be one.

        A blank cell is cleared instead, and what runs already goes on. Raises NotCodeError,
        KernelNotChosenError.
        """
        running.require_code(self.records, cell_id)
        return bool(self.run_cells([cell_id], no_halt=no_halt))

    def run_cells(self, ids: Sequence[str], *, no_halt: bool = False) -> tuple[str, ...]:
        """Ask for runs of cells in this order; return the ids of those that will run.

        Unless ``no_halt``, the first error ends the queue. Cells that are no code are passed
        over. Raises KernelNotChosenError.
        """
        with self.together():
            requests = running.request_runs(self.records, ids, self._starts(), no_halt=no_halt)
            self.edit(lambda _records: requests.changes)
        return requests.ids

    def run_all_cells(self, *, no_halt: bool = False) -> tuple[str, ...]:
        """Ask for runs of all code cells; see ``run_cells``."""
        with self.together():
            return self.run_cells(cell_ids(self.records), no_halt=no_halt)

    def run_all_above(self, cell_id: str, *, no_halt: bool = False) -> tuple[str, ...]:
        """Ask for runs of the code cells above one, without it; see ``run_cells``."""
        with self.together():
            return self.run_cells(running.cells_above(self.records, cell_id), no_halt=no_halt)

    def run_all_below(self, cell_id: str, *, no_halt: bool = False) -> tuple[str, ...]:
        """Ask for runs of a cell and those below; see ``run_cells``."""
        with self.together():
            return self.run_cells(running.cells_from(self.records, cell_id), no_halt=no_halt)

    def cancel_cells(self, ids: Sequence[str] | None = None) -> bool:
        """Take back requests and end runs of cells, by default of all (§4.5)."""
        return self.edit(running.cancel, ids)

    # Cells

    def insert_cell(
        self,
        text: str = "",
        *,
        at: int | None = None,
        cell_type: str = "code",
        **fields: Any,
    ) -> str:
        """Add a cell as the one with index ``at``, by default as the last; return its id.

        ``fields`` are further fields of its record. Raises InvalidActionError for an unknown type.
        """
        wanted = {"input": text, "cell_type": cell_type, **fields}
        return self.insert_cells([wanted], at=at)[0]

    def insert_cell_above(self, cell_id: str, text: str = "", **options: Any) -> str:
        """Add a cell above another one; return its id. ``options`` as of ``insert_cell``."""
        with self.together():
            return self.insert_cell(text, at=self._index(cell_id), **options)

    def insert_cell_below(self, cell_id: str, text: str = "", **options: Any) -> str:
        """Add a cell below another one; return its id. ``options`` as of ``insert_cell``."""
        with self.together():
            return self.insert_cell(text, at=self._index(cell_id) + 1, **options)

    def insert_cells(
        self, cells: Sequence[Mapping[str, Any]], *, at: int | None = None
    ) -> list[str]:
        """Add cells with these fields, for instance those that ``copy_cells`` returned."""
        with self.together():
            new: list[tuple[str, Mapping[str, Any]]] = []
            for fields in cells:
                new.append((self._other_id(identifier for identifier, _ in new), fields))
            index = len(cell_ids(self.records)) if at is None else at
            self.edit(placing.insert_cells, new, index)
        return [cell_id for cell_id, _ in new]

    def copy_cells(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return what ``insert_cells`` needs to make cells like these."""
        return placing.copies_of_cells(self.records, ids)

    def delete_cell(self, cell_id: str) -> None:
        """Delete a cell; raises NotDeletableError. A running cell is cancelled by the project."""
        self.delete_cells([cell_id])

    def delete_cells(self, ids: Sequence[str]) -> None:
        """Delete cells, all or none; raises NotDeletableError."""
        self.edit(placing.delete_cells, ids)

    def delete_all_blank_code_cells(self) -> bool:
        """Delete the code cells in which nothing is written, unless they are protected."""
        return self.edit(placing.delete_blank_code_cells)

    def move_cell(self, cell_id: str, by: int) -> bool:
        """Move a cell down by so many places, up by a negative number; it stops at the ends."""
        return self.edit(placing.move_cell, cell_id, by)

    def move_cells(self, ids: Sequence[str], at: int) -> bool:
        """Move cells so that they stand together in this order, ``at`` cells before them."""
        return self.edit(placing.move_cells, ids, at)

    def split_cell(self, cell_id: str, at: int) -> str:
        """Put the text before character ``at`` into a new cell above; return its id.

        Raises NotEditableError, and InvalidActionError where the text is shorter.
        """
        new_id = self._new_id()
        self.edit(joining.split_cell, cell_id, at, new_id)
        return new_id

    def merge_cells(self, ids: Sequence[str]) -> None:
        """Make one cell of several, the first in the notebook.

        Raises InvalidActionError for less than two, NotEditableError, NotDeletableError.
        """
        self.edit(joining.merge_cells, ids)

    def merge_with_next(self, cell_id: str) -> None:
        """Add the cell below to this one; raises as ``merge_cells``."""
        with self.together():
            self.merge_cells([cell_id, joining.neighbour(self.records, cell_id, 1)])

    def merge_with_previous(self, cell_id: str) -> None:
        """Add this cell to the one above; raises as ``merge_cells``."""
        with self.together():
            self.merge_cells([joining.neighbour(self.records, cell_id, -1), cell_id])

    # Text, type, attachments

    def set_cell_input(self, cell_id: str, text: str) -> bool:
        """Give a cell a new text; raises NotEditableError, InvalidActionError.

        Others' simultaneous edits of other parts of the text stay.
        """
        return self.edit(set_cell_input, cell_id, text)

    def set_cell_type(self, cell_id: str, cell_type: str) -> bool:
        """Make it a ``code``, ``markdown`` or ``raw`` cell; raises as ``set_cell_input``."""
        return self.edit(set_cell_type, cell_id, cell_type)

    def set_cell_heading(self, cell_id: str, level: int) -> bool:
        """Make it markdown with a heading of level 1 to 6; raises as ``set_cell_input``."""
        return self.edit(set_cell_heading, cell_id, level)

    def attach(self, cell_id: str, name: str, content: bytes) -> str:
        """Attach a file to a cell; return how markdown refers to it. Raises NotEditableError."""
        self.edit(attach, cell_id, name, content)
        return f"attachment:{attachment_name(name)}"

    def attach_file(self, cell_id: str, path: str, *, name: str | None = None) -> str:
        """Let the project attach one of its files to a cell.

        Returns how markdown refers to it. Raises NotEditableError.
        """
        name = name or path.rpartition("/")[2]
        self.edit(attach_file, cell_id, name, path)
        return f"attachment:{attachment_name(name)}"

    def delete_attachment(self, cell_id: str, name: str) -> None:
        """Take an attachment away; raises NotEditableError, InvalidActionError."""
        self.edit(delete_attachment, cell_id, name)

    # The notebook

    def set_kernel(self, kernel: str) -> bool:
        """Choose the kernel by name; the empty text means none. A running one is replaced."""
        return self.edit(settings.set_kernel, kernel)

    def set_trust(self, is_trusted: bool = True) -> bool:
        """Say whether outputs may do what their authors like."""
        return self.edit(settings.set_trust, is_trusted)

    def set_notebook_metadata(self, metadata: Mapping[str, Any], *, merge: bool = False) -> bool:
        """Replace the notebook's metadata; with ``merge`` only these keys, null taking one away.

        Raises InvalidActionError for the kernel, which is chosen by ``set_kernel``.
        """
        return self.edit(settings.set_notebook_metadata, metadata, merge=merge)

    def set_max_output_length(self, characters: int) -> bool:
        """Limit the outputs of each cell, to 100 up to 250000 characters."""
        return self.edit(settings.set_max_output_length, characters)

    def nbconvert(self, args: Sequence[str]) -> None:
        """Ask for a conversion, for instance ``["--to", "html"]``; the model tells how it goes.

        Raises InvalidActionError while another one goes on.
        """
        self.edit(settings.request_conversion, args)

    # Outputs

    def clear_outputs(self, ids: Sequence[str] | None = None) -> bool:
        """Clear the outputs and prompt numbers of cells, by default of all."""
        if ids is None:
            return self.edit(outputs.clear_all_outputs)
        return self.edit(outputs.clear_outputs, ids)

    def process_output(self, cell_id: str, msg_type: str, content: Mapping[str, Any]) -> bool:
        """Store a kernel's message in a cell as the project would; tell whether it changes it.

        Comm messages and what says nothing are no outputs. ``clear_output`` with ``wait`` clears
        when the next message comes. What exceeds the limits is marked, and not kept (§3.5).
        """
        require_cell(self.records, cell_id)
        require_map(content, "the content of a message")
        if msg_type == "clear_output" and content.get("wait"):
            self._to_clear.add(cell_id)
            return False
        if msg_type == "clear_output":
            self._to_clear.discard(cell_id)
            return self.clear_outputs([cell_id])
        if msg_type.startswith("comm_"):
            return False
        message = outputs.clean_content(content, self._put)
        if message is None:
            return False
        if msg_type == "update_display_data":
            return self.edit(outputs.update_displays, message)
        with self.together():
            if cell_id in self._to_clear:
                self._to_clear.discard(cell_id)
                self.clear_outputs([cell_id])
            return self.edit(outputs.store_message, cell_id, message)

    def answer_input(self, cell_id: str, value: str) -> None:
        """Answer the question that a cell asks; raises NoQuestionError.

        A password does not belong into the document: see ``Notebook.answer``.
        """
        if outputs.is_secret(self.records, cell_id):
            raise InvalidActionError("a password is not written into the document: use answer")
        self.edit(outputs.answer, cell_id, value)

    def _index(self, cell_id: str) -> int:
        return index_of(cell_ids(self.records), cell_id)

    def _other_id(self, ids: Iterable[str]) -> str:
        """Return an id that neither the notebook has nor one of these is."""
        taken = set(ids)
        while (new := self._new_id()) in taken:
            continue
        return new
