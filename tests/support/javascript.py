"""Runs the checks that ``tests/javascript`` makes with CoCalc's own client libraries."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Answer", "run_checks"]

FOLDER = Path(__file__).parent.parent / "javascript"
MODULES = FOLDER / "node_modules" / ".package-lock.json"
TIMEOUT_S = 90
MAX_LINE_BYTES = 50_000_000

Answer = Callable[[Mapping[str, Any]], Awaitable[object]]
"""Does what a check asks for; what it returns is the check's answer."""


async def run_checks(
    module: str, *arguments: str, answers: Mapping[str, Answer] | None = None
) -> dict[str, list[Any]]:
    """Run ``tests/javascript/<module>.mjs`` and return its report ``{passed, failed}``.

    ``answers`` says what to do when a check asks for something (``lib/report.mjs``).
    """
    node = shutil.which("node")
    assert node is not None, "this test needs Node 20 or newer on the PATH"
    assert MODULES.is_file(), f"run `make {MODULES.relative_to(FOLDER.parent.parent)}` first"
    process = await asyncio.create_subprocess_exec(
        node,
        f"{module}.mjs",
        *arguments,
        cwd=FOLDER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _converse(process, answers or {})
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _converse(
    process: asyncio.subprocess.Process, answers: Mapping[str, Answer]
) -> dict[str, list[Any]]:
    assert process.stdin is not None
    assert process.stdout is not None
    async for line in process.stdout:
        said = json.loads(line)
        if "ask" not in said:
            report: dict[str, list[Any]] = said
            return report
        answer = await answers[said["ask"]](said)
        process.stdin.write(f"{json.dumps(answer or {})}\n".encode())
        await process.stdin.drain()
    raise AssertionError(f"the checks ended without a report, with {await process.wait()}")
