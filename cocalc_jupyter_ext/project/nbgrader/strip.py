"""A notebook without what it has printed and what is attached (pure; syncdoc-jupyter §4.10)."""

from collections.abc import Mapping
from typing import Any

__all__ = ["stripped"]


def stripped(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notebook with all outputs emptied and all attachments removed.

    Of older formats, whose cells are in worksheets, too.
    """
    new = {**notebook}
    if isinstance(notebook.get("cells"), list):
        new["cells"] = [_cell(cell) for cell in notebook["cells"]]
    if isinstance(notebook.get("worksheets"), list):
        new["worksheets"] = [
            stripped(sheet) if isinstance(sheet, Mapping) else sheet
            for sheet in notebook["worksheets"]
        ]
    return new


def _cell(cell: Any) -> Any:
    if not isinstance(cell, Mapping):
        return cell
    kept = {name: value for name, value in cell.items() if name != "attachments"}
    return {**kept, "outputs": []} if "outputs" in kept else kept
