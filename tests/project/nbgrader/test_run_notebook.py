"""Notebooks that run from top to bottom in real kernels, within limits (syncdoc-jupyter §9.6)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cocalc_jupyter_ext.kernels.standalone.host import LocalKernels
from cocalc_jupyter_ext.kernels.standalone.kernel import Kernel, kernel
from cocalc_jupyter_ext.project.nbgrader import run_notebook as run_notebook_module
from cocalc_jupyter_ext.project.nbgrader.errors import AssignmentError
from cocalc_jupyter_ext.project.nbgrader.limits import RunLimits
from cocalc_jupyter_ext.project.nbgrader.outputs import MAX_ERROR_CHARS
from cocalc_jupyter_ext.project.nbgrader.run_notebook import kernel_of, run_notebook


def notebook(*sources: str) -> dict[str, Any]:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), *cells])
    return dict(json.loads(json.dumps(made)))


class Kernels:
    """Real kernels in one folder; counts how many were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = LocalKernels()
        self.count = 0

    def __call__(self) -> Kernel:
        self.count += 1
        env = {"PYTHONWARNINGS": "ignore"}
        return kernel("python3", cwd=str(self.folder), env=env, host=self.host)


@pytest.fixture
async def kernels(tmp_path: Path) -> AsyncIterator[Kernels]:
    kernels = Kernels(tmp_path)
    yield kernels
    await kernels.host.close()


def shown(ran: dict[str, Any]) -> list[str]:
    """What the code cells show, in short."""
    nbformat.validate(nbformat.from_dict(ran))
    return [
        "|".join(
            output.get("text") or output.get("ename") or output["data"]["text/plain"]
            for output in cell["outputs"]
        )
        for cell in ran["cells"]
        if cell["cell_type"] == "code"
    ]


async def test_all_cells_run_in_order_in_their_folder_and_errors_stop_nothing(
    kernels: Kernels,
) -> None:
    made = notebook(
        "import os; x = 6; print(os.path.basename(os.getcwd()))",
        "1 / 0",
        " \n",
        "import warnings; warnings.warn('not shown')",
        "x * 7",
        "input('?')",
    )

    ran = await run_notebook(made, RunLimits(), kernels)

    name = kernels.folder.name
    assert shown(ran) == [
        f"{name}\n", "ZeroDivisionError", "", "", "42", "StdinNotImplementedError",
    ]  # fmt: skip
    counts = [cell["execution_count"] for cell in ran["cells"] if "outputs" in cell]
    assert counts == [1, 2, None, 3, 4, 5]
    assert made["cells"][1]["outputs"] == []
    assert kernels.count == 1


async def test_a_cell_that_takes_too_long_is_interrupted_and_the_next_one_runs(
    kernels: Kernels,
) -> None:
    made = notebook("x = 1", "import time; time.sleep(60)", "print(x)")

    ran = await run_notebook(made, RunLimits(max_time_per_cell_ms=500), kernels)

    assert shown(ran) == ["", "KeyboardInterrupt", "1\n"]


async def test_a_kernel_that_dies_is_told_and_replaced(kernels: Kernels) -> None:
    made = notebook("x = 1", "import os; os._exit(7)", "print('x' in globals())")

    ran = await run_notebook(made, RunLimits(), kernels)

    assert shown(ran) == ["", "RunFailed", "False\n"]
    assert "7" in ran["cells"][2]["outputs"][0]["traceback"][0]
    assert kernels.count == 2


async def test_when_the_time_for_all_is_over_the_other_cells_say_so(kernels: Kernels) -> None:
    made = notebook("print('first')", "import time; time.sleep(60)", "print('never')")

    ran = await run_notebook(made, RunLimits(max_total_time_ms=4000), kernels)

    assert shown(ran) == ["first\n", "KeyboardInterrupt|RunFailed", "RunFailed"]
    assert "4 s" in ran["cells"][3]["outputs"][0]["traceback"][0]


async def test_output_is_limited_for_each_cell_and_errors_are_kept(kernels: Kernels) -> None:
    """Quirk: ``max_output`` is in effect for each cell, not for all."""
    made = notebook(
        "for _ in range(3): print('x' * 100, flush=True)\n1 / 0", "print('y' * 100, flush=True)"
    )

    ran = await run_notebook(made, RunLimits(max_output=200, max_output_per_cell=400), kernels)

    first = ran["cells"][1]["outputs"]
    assert "limited to 200 characters" in "".join(each.get("text", "") for each in first)
    assert [each["ename"] for each in first if "ename" in each] == ["ZeroDivisionError"]
    assert shown(ran)[1] == "y" * 100 + "\n"


async def test_an_error_that_is_taken_away_or_too_long_is_a_failure_still(
    kernels: Kernels,
) -> None:
    """Nobody passes a test by what becomes of its error (§9.6)."""
    made = notebook(
        "get_ipython().set_custom_exc((AssertionError,), lambda *_, **__: None)\nassert False",
        "raise ValueError('x' * 10**6)",
        "'passed'",
    )

    ran = await run_notebook(made, RunLimits(), kernels)
    cells = [cell for cell in ran["cells"] if cell["cell_type"] == "code"]

    names = [[each.get("ename") for each in cell["outputs"]] for cell in cells]
    assert names == [["RunFailed"], ["ValueError"], [None]]
    assert len(cells[1]["outputs"][0]["traceback"][0]) == MAX_ERROR_CHARS


async def test_all_cells_together_print_no_more_than_fits_into_one_answer(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_notebook_module, "MAX_OUTPUT", 300)
    made = notebook(*["print('x' * 100)"] * 4)

    first, *_, last = shown(await run_notebook(made, RunLimits(), kernels))

    assert first == "x" * 100 + "\n"
    assert last.startswith("[the output of a cell is limited to")


async def test_outputs_can_be_cleared_and_updated(kernels: Kernels) -> None:
    made = notebook(
        "from IPython.display import *\n"
        "print('a'); clear_output(wait=True); print('b')\n"
        "h = display('one', display_id=True); h.update('two')"
    )

    assert shown(await run_notebook(made, RunLimits(), kernels)) == ["b\n|'two'"]


async def test_a_kernel_that_does_not_exist_is_an_error_at_once(tmp_path: Path) -> None:
    host = LocalKernels()
    async with asyncio.timeout(60):
        with pytest.raises(AssignmentError, match="no-such"):
            await run_notebook(
                notebook("1"), RunLimits(), lambda: kernel("no-such", cwd=str(tmp_path), host=host)
            )
    await host.close()


async def test_a_run_that_is_cancelled_leaves_no_kernel_and_no_task(kernels: Kernels) -> None:
    before = asyncio.all_tasks()
    made = notebook("open('begun', 'w').close(); import time; time.sleep(60)")
    running = asyncio.create_task(run_notebook(made, RunLimits(), kernels))
    async with asyncio.timeout(30):
        while not (kernels.folder / "begun").exists():
            await asyncio.sleep(0.02)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert kernels.host._local.list_kernel_ids() == []
    await kernels.host.close()
    assert asyncio.all_tasks() == before


def test_the_kernel_is_that_of_the_metadata() -> None:
    assert kernel_of({"metadata": {"kernelspec": {"name": "ir"}}}) == "ir"
    for metadata in ({}, {"kernelspec": {}}, None, {"kernelspec": {"name": 5}}):
        with pytest.raises(AssignmentError, match="names no kernel"):
            kernel_of({"metadata": metadata})
