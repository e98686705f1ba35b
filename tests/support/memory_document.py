"""A live notebook without log, file and rooms: only the shared document."""

from contextlib import contextmanager

from jupyter_ydoc import YNotebook
from pycrdt import Doc

__all__ = ["MemoryDocument", "code_cells"]


def code_cells(*sources):
    """Return nbformat cells with the ids c0, c1, ..."""
    return [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "source": source,
            "metadata": {"trusted": False},
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]


class MemoryDocument:
    """Has what execution needs of a ``LiveDocument``; counts transactions and holds."""

    def __init__(self, *sources):
        self.ydoc = YNotebook(Doc())
        self.ydoc.set(
            {"cells": code_cells(*sources), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        )
        self.closed = False
        self.holds = []
        self.transactions = 0
        self.edits_arrive = True

    @contextmanager
    def edit(self):
        self.transactions += 1
        with self.ydoc.ydoc.transaction(origin="server"):
            yield

    def hold(self, reason):
        return _Hold(self.holds, reason)

    async def wait_for_edits(self, client_id, clock, timeout_s):
        return self.edits_arrive

    def cell(self, position):
        """Return a cell as plain data."""
        return self.ydoc.ycells[position].to_py()


class _Hold:
    def __init__(self, holds, reason):
        self._holds = holds
        self._reason = reason
        holds.append(reason)

    def release(self):
        if self._reason in self._holds:
            self._holds.remove(self._reason)
