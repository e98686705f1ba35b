"""The endpoint as CoCalc's own client sees it: through ``socket.io-client``."""

import asyncio
import json
import shutil
from pathlib import Path

from ..support.conat_server import serve

FOLDER = Path(__file__).parent
MODULES = FOLDER / "node_modules" / ".package-lock.json"
CHECKS = 9
PROJECT_CHECKS = 2


async def conformance(*arguments: str) -> dict[str, list[object]]:
    """Run the checks of ``conformance.mjs`` and return its report."""
    node = shutil.which("node")
    assert node is not None, "this test needs Node 20 or newer on the PATH"
    assert MODULES.is_file(), f"run `make {MODULES.relative_to(FOLDER.parent.parent)}` first"
    process = await asyncio.create_subprocess_exec(
        node, "conformance.mjs", *arguments, cwd=FOLDER, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(90):
        output, _errors = await process.communicate()
    report: dict[str, list[object]] = json.loads(output)
    return report


async def test_the_javascript_libraries_find_what_the_contract_promises() -> None:
    async with serve() as address:
        report = await conformance(address)

    assert report["failed"] == []
    assert len(report["passed"]) == CHECKS


async def test_a_failed_check_is_reported() -> None:
    """The project checks cannot pass where no project is: the report must say so."""
    async with serve() as address:
        report = await conformance(address, "", "00000000-0000-4000-8000-000000000000")

    assert len(report["failed"]) == PROJECT_CHECKS
