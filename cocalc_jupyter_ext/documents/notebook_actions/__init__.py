"""What can be done with a notebook, from a script as from a client, and what it looks like.

``changes`` says what an action does to records; ``placing``, ``joining``, ``editing``,
``running``, ``outputs``, ``looks`` and ``settings`` are the actions as functions from the
records to changes (pure). ``actions`` makes commits of them, ``model`` reads the document for
those who show it, ``notebook`` is both for a notebook of a running project::

    from cocalc_jupyter_ext.documents.notebook_actions import open_notebook

    async with open_notebook(client, project_id=project_id, path="a.ipynb") as notebook:
        cell_id = notebook.insert_cell("1 + 1")
        await notebook.run_cell(cell_id)
        await notebook.wait_until_done(cell_id)
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .actions import NotebookActions
    from .model import NotebookModel
    from .notebook import Notebook, open_notebook

__all__ = ["Notebook", "NotebookActions", "NotebookModel", "open_notebook"]

# What is loaded when it is first asked for: the name, and the module that has it.
_LAZY: Final = {
    "Notebook": ".notebook",
    "NotebookActions": ".actions",
    "NotebookModel": ".model",
    "open_notebook": ".notebook",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name], __name__), name)
