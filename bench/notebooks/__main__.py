"""How fast notebooks are: every number next to its target.

    python bench/notebooks [module ...]

Each module of this folder with ``async def rows() -> AsyncIterator[Row]`` contributes its rows; the
name of the module selects it. Servers and kernels are real ones. Times are those of this machine:
run it with nothing else at work.
"""

import asyncio
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent


def modules(wanted: list[str]) -> Iterator[ModuleType]:
    """Yield the modules that measure something, in the order of their names."""
    for found in pkgutil.iter_modules([str(FOLDER)]):
        if found.name != "__main__" and (not wanted or found.name in wanted):
            module = importlib.import_module(f"bench.notebooks.{found.name}")
            if hasattr(module, "rows"):
                yield module


async def report(module: ModuleType) -> bool:
    """Print the rows of a module; tell whether all targets were met."""
    all_met = True
    async for row in module.rows():
        print(row, flush=True)
        all_met = all_met and row.is_met
    return all_met


def main(wanted: list[str]) -> int:
    verdicts = [asyncio.run(report(module)) for module in modules(wanted)]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
