"""How fast documents are, next to what is wanted of them.

Run with ``python bench/documents [measure ...]``: keystrokes, opening, crowd, commits, history,
memory, faces, kills. Without names, all of them but the kills, which take minutes. Each has a
folder and a server of its own.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.documents import commits, crowd, faces, keystrokes, kills, opening
from bench.documents.report import Found

MEASURES: dict[str, Callable[[Path], Awaitable[list[Found]]]] = {
    "keystrokes": keystrokes.measure,
    "faces": faces.measure,
    "opening": opening.measure,
    "crowd": crowd.measure,
    "commits": commits.measure,
    "history": commits.measure_history,
    "memory": opening.measure_memory,
    "kills": kills.measure,
}


def main(wanted: list[str]) -> None:
    unknown = [name for name in wanted if name not in MEASURES]
    if unknown:
        sys.exit(f"There is no measure {unknown[0]!r}. Choose from: {', '.join(MEASURES)}.")
    for name in wanted or [name for name in MEASURES if name != "kills"]:
        with tempfile.TemporaryDirectory() as folder:
            for found in asyncio.run(MEASURES[name](Path(folder))):
                print(found, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
