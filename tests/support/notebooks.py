"""Small notebooks with cell ids that tests know."""

import json
from pathlib import Path
from typing import Any

__all__ = ["notebook", "write_notebook"]


def notebook(*sources: str) -> dict[str, Any]:
    """Return a notebook with one code cell per source; the cells' ids are c0, c1, ..."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{number}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def write_notebook(path: Path, *sources: str) -> None:
    """Write such a notebook to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook(*sources)))
