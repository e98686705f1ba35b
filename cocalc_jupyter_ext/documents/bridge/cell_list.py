"""The shared cells of a notebook by id, in their order (pycrdt, no I/O).

Reading the id of a shared cell takes long compared with anything else here, so the list is
read once and again only when cells came, went or were renamed.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from jupyter_ydoc import YNotebook
from pycrdt import Map

from .ordering import staying_but
from .shared_cells import insert_cell, read_cell, read_whole_cell

__all__ = ["CellList"]


class CellList:
    """A notebook's cells; call what edits inside a transaction.

    Of two cells with one id the first counts; ``tidy`` makes that ids are there and unique.
    """

    def __init__(self, notebook: YNotebook, make_id: Callable[[], str]) -> None:
        self._notebook = notebook
        self._make_id = make_id
        self._cells: dict[str, Map[Any]] | None = None
        self._is_tidy = False

    def forget(self) -> None:
        """Read the cells again when they are needed: somebody edited the list."""
        self._cells = None

    @property
    def by_id(self) -> Mapping[str, Map[Any]]:
        """The cells by id, in order."""
        if self._cells is None:
            self._read()
        assert self._cells is not None  # noqa: S101 - it was just read
        return self._cells

    @property
    def ids(self) -> list[str]:
        """The ids, in order."""
        return list(self.by_id)

    @property
    def is_tidy(self) -> bool:
        """Whether each cell has an id of its own."""
        if self._cells is None:
            self._read()
        return self._is_tidy

    def tidy(self) -> None:
        """Remove exact doubles, and give an id to every other cell that has none of its own.

        Two people who move one cell at once leave two of it. If somebody typed into one of
        them meanwhile, both stay.
        """
        first: dict[str, Map[Any]] = {}
        doubles = []
        for index, cell in enumerate(self._notebook.ycells):
            cell_id = cell.get("id")
            if isinstance(cell_id, str) and cell_id not in first:
                first[cell_id] = cell
            elif isinstance(cell_id, str) and read_cell(first[cell_id]) == read_cell(cell):
                doubles.append(index)
            else:
                cell["id"] = own_id = self._free_id(first)
                first[own_id] = cell
        for index in reversed(doubles):
            del self._notebook.ycells[index]
        self.forget()

    def remove(self, cell_ids: Collection[str]) -> None:
        """Remove cells."""
        if not cell_ids:
            return
        kept = dict(self.by_id)
        for index, cell_id in reversed(list(enumerate(self.ids))):
            if cell_id in cell_ids:
                del self._notebook.ycells[index]
                del kept[cell_id]
        self._cells = kept

    def replace(self, cell_id: str, cell: Mapping[str, Any]) -> None:
        """Put a new cell into the place of the one with the same id."""
        cells, index = dict(self.by_id), self.ids.index(cell_id)
        del self._notebook.ycells[index]
        cells[cell_id] = insert_cell(self._notebook, index, cell)
        self._cells = cells

    def arrange(
        self,
        wanted: Sequence[str],
        make: Callable[[str], Mapping[str, Any]],
        moved_by_others: Collection[str] = (),
    ) -> None:
        """Bring the cells into this order; ``make`` returns what is to be added.

        Moved are those that others have moved, with what they hold at that moment; where that
        is not enough, as few more as possible.
        """
        if self.ids == list(wanted):
            return
        stays = staying_but(self.ids, wanted, moved_by_others)
        moved = {
            cell_id: read_whole_cell(cell)
            for cell_id, cell in self.by_id.items()
            if cell_id not in stays
        }
        self.remove(self.by_id.keys() - stays)
        cells = dict(self.by_id)
        for index, cell_id in enumerate(wanted):
            if cell_id not in stays:
                cell = moved[cell_id] if cell_id in moved else make(cell_id)
                cells[cell_id] = insert_cell(self._notebook, index, cell)
        self._cells = {cell_id: cells[cell_id] for cell_id in wanted}

    def _read(self) -> None:
        cells: dict[str, Map[Any]] = {}
        count = 0
        for cell in self._notebook.ycells:
            count += 1
            cell_id = cell.get("id")
            if isinstance(cell_id, str):
                cells.setdefault(cell_id, cell)
        self._cells = cells
        self._is_tidy = len(cells) == count

    def _free_id(self, used: Collection[str]) -> str:
        while True:
            cell_id = self._make_id()
            if cell_id not in used and cell_id not in self.by_id:
                return cell_id
