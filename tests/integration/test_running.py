"""Real kernels that do as kernels do, run by CoCalc clients (syncdoc-jupyter §4.2 to §4.6)."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import psutil
import pytest

from cocalc_jupyter_ext.conat.services.named import ServiceClient, service_subject
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB

from ..support.notebooks import write_notebook
from ..support.servers import JupyterServer
from ..support.waiting import until
from .test_cocalc_browser import Browser, browser

NUMBERS = count()
DYING = "import sys; print('no module named fish', file=sys.stderr); sys.exit(7)"


def add_kernel(server: JupyterServer, name: str, *argv: str, **env: str) -> None:
    folder = server.folder / "data" / "kernels" / name
    folder.mkdir(parents=True)
    spec = {"argv": list(argv), "display_name": name, "language": "python", "env": env}
    (folder / "kernel.json").write_text(json.dumps(spec))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    config = "c.KernelRestarter.time_to_dead = 0.3"  # as often Jupyter looks for dead kernels
    server = JupyterServer(tmp_path_factory.mktemp("server"), config=config)
    server.work.mkdir()
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    add_kernel(server, "other", *launch, KERNEL_IS="the other one")
    add_kernel(server, "dying", sys.executable, "-c", DYING)
    with server:
        yield server


@dataclass
class Notebook:
    """A notebook as a CoCalc client has it, and its service."""

    db: SyncDB
    path: str
    page: Browser

    async def run(self, *sources: str, no_halt: bool = False) -> list[str]:
        """Ask for runs of new cells in one commit; return their ids."""
        ids = [f"n{next(NUMBERS)}" for _ in sources]
        for index, (cell_id, source) in enumerate(zip(ids, sources, strict=True)):
            cell: dict[str, Any] = {"input": source, "pos": 10 + index, "cell_type": "code"}
            if no_halt:
                cell["no_halt"] = True
            wanted = {"state": "start", "start": index + 1}
            self.db.set({"type": "cell", "id": cell_id, **cell, **wanted})
        await self.db.commit()
        return ids

    async def finish(self, *sources: str, timeout_s: float = 60) -> dict[str, Any]:
        """Run cells to their ends; return the last one."""
        ids = await self.run(*sources)
        await until(lambda: all(self.state(cell_id) == "done" for cell_id in ids), timeout_s)
        return self.cell(ids[-1])

    def cell(self, cell_id: str) -> dict[str, Any]:
        return dict(self.db.get_one({"type": "cell", "id": cell_id}) or {})

    def state(self, cell_id: str) -> Any:
        return self.cell(cell_id).get("state")

    def settings(self) -> dict[str, Any]:
        return dict(self.db.get_one({"type": "settings"}) or {})

    async def choose(self, kernel: str) -> None:
        self.db.set({"type": "settings", "kernel": kernel})
        await self.db.commit()

    async def signal(self, name: str) -> None:
        subject = service_subject("api", project_id=self.page.project_id, path=self.path)
        await ServiceClient(self.page.client, subject, timeout_s=30).call("signal", name)


def text(cell: dict[str, Any]) -> str:
    return "".join(each.get("text", "") for each in cell.get("output", {}).values())


def error(cell: dict[str, Any]) -> str:
    return "\n".join(line for each in cell["output"].values() for line in each.get("traceback", []))


@asynccontextmanager
async def opened(server: JupyterServer, name: str) -> AsyncIterator[Notebook]:
    write_notebook(server.work / f"{name}.ipynb", "1")
    async with browser(server) as page:
        db = await page.notebook(f".{name}.ipynb.sage-jupyter2")
        notebook = Notebook(db, f"{name}.ipynb", page)
        yield notebook
        await notebook.signal("SIGKILL")


async def test_a_kernel_that_is_not_installed_is_named(server: JupyterServer) -> None:
    """syncdoc-jupyter §4.5, §13 Kernels: the error names the missing specification."""
    async with opened(server, "missing") as notebook:
        await notebook.choose("fish")
        cell = await notebook.finish("1")
        assert "output" not in cell
        await until(lambda: "fish" in notebook.settings().get("kernel_error", ""))
        await notebook.choose("python3")
        assert text(await notebook.finish("print(2)")) == "2\n"


async def test_a_kernel_that_dies_at_once_says_why_and_is_not_started_for_ever(
    server: JupyterServer,
) -> None:
    """syncdoc-jupyter §4.5: exit code, and the end of what the kernel wrote to stderr."""
    async with opened(server, "dying") as notebook:
        await notebook.choose("dying")
        cell = await notebook.finish("1")
        assert "exit code 7" in error(cell)
        assert "no module named fish" in error(cell)
        await until(lambda: "no module named fish" in notebook.settings().get("kernel_error", ""))
        await notebook.choose("python3")
        assert text(await notebook.finish("print(2)")) == "2\n"


async def test_a_kernel_that_died_is_idle_again_when_jupyter_has_started_it(
    server: JupyterServer,
) -> None:
    """syncdoc-jupyter §4.4, §4.5: nobody runs or asks anything, and yet everybody knows."""
    async with opened(server, "died") as notebook:
        await notebook.finish("1")
        states: list[Any] = []

        def note(_: object) -> None:
            settings = notebook.settings()
            states.append((settings.get("backend_state"), settings.get("kernel_state")))

        notebook.db.document.changes.connect(note)
        cell = await notebook.finish("import os; os._exit(9)")
        assert "exit code 9" in error(cell)
        await until(lambda: ("starting", "starting") in states)
        await until(lambda: states[-1] == ("running", "idle"))


async def test_another_kernel_is_used_once_it_is_chosen(server: JupyterServer) -> None:
    """syncdoc-jupyter §4.4: changing the kernel closes the one that runs."""
    async with opened(server, "switch") as notebook:
        code = "import os; print(os.environ.get('KERNEL_IS'), globals().get('x')); x = 1"
        assert text(await notebook.finish(code)) == "None None\n"
        await notebook.choose("other")
        await until(lambda: notebook.settings()["backend_state"] == "ready")
        cell = await notebook.finish(code)
        assert (text(cell), cell["kernel"]) == ("the other one None\n", "other")


async def test_a_notebook_runs_in_a_loop_until_somebody_ends_it(server: JupyterServer) -> None:
    """syncdoc-jupyter §3.4: each round has a new process and runs all, errors or not."""
    async with opened(server, "loop") as notebook:
        failing, telling = await notebook.run("1/0", "import os; print(os.getpid())", no_halt=True)
        pids: set[str] = set()

        def note(_: object) -> None:
            pids.add(text(notebook.cell(telling)))

        notebook.db.document.changes.connect(note)
        notebook.db.set({"type": "settings", "kernel": "python3", "run_all_loop_s": 1})
        await notebook.db.commit()
        await until(lambda: len(pids - {""}) >= 3)
        assert "ZeroDivisionError" in error(notebook.cell(failing))
        notebook.db.set({"type": "settings", "run_all_loop_s": None})
        await notebook.db.commit()
        await until(lambda: notebook.state(telling) == "done")


async def test_a_kernel_that_ignores_interrupts_can_be_ended(server: JupyterServer) -> None:
    """syncdoc-jupyter §4.5: SIGINT does nothing; SIGKILL ends all cells visibly."""
    async with opened(server, "deaf") as notebook:
        deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN)"
        forever = "print('began', flush=True)\nwhile True: time.sleep(0.01)"
        _, running, waiting = await notebook.run(deaf, forever, "1")
        await until(lambda: text(notebook.cell(running)) == "began\n")
        await notebook.signal("SIGINT")
        await until(lambda: notebook.state(waiting) == "done")
        assert notebook.state(running) == "busy"
        await notebook.signal("SIGKILL")
        await until(lambda: notebook.state(running) == "done")
        assert "shut down" in error(notebook.cell(running))


async def test_floods_leave_the_server_small_and_the_queue_going(server: JupyterServer) -> None:
    """Bad input: 300 MB on stdout, without newlines, and 100 MB on the kernel's own stderr."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    async with opened(server, "flood") as notebook:
        await notebook.finish("1")
        before = process.memory_info().rss
        many_lines = "for i in range(300): print(('x' * 99 + '\\n') * 10_000, end='', flush=True)"
        one_line = "for i in range(50): print('y' * 1_000_000, end='', flush=True)"
        errors = "import os\nfor i in range(100): os.write(2, b'z' * 1_000_000)"
        cells = [await notebook.finish(code) for code in (many_lines, one_line, errors)]
        for cell in cells[:2]:
            shown = cell["output"]
            assert len(json.dumps(shown)) < 260_000
            assert shown[str(len(shown) - 1)] == {"more_output": True}
        assert text(await notebook.finish("print('still here')")) == "still here\n"
        assert process.memory_info().rss - before < 250_000_000
        size = sum(each.stat().st_size for each in server.folder.rglob("*") if each.is_file())
        assert size < 60_000_000


async def test_output_without_end_can_be_interrupted(server: JupyterServer) -> None:
    async with opened(server, "endless") as notebook:
        (cell_id,) = await notebook.run("while True: print('again and again')")
        await until(lambda: "more_output" in json.dumps(notebook.cell(cell_id).get("output", {})))
        await notebook.signal("SIGINT")
        await until(lambda: notebook.state(cell_id) == "done")
        assert "KeyboardInterrupt" in error(notebook.cell(cell_id))


async def test_what_is_redrawn_again_and_again_is_shown_once(server: JupyterServer) -> None:
    """syncdoc-jupyter §3.5: clear_output(wait), progress bars, displays that are updated."""
    clearing = (
        "from IPython.display import clear_output\n"
        "for i in range(2000):\n    clear_output(wait=True)\n    print(i)"
    )
    bar = "from tqdm import tqdm\nfor i in tqdm(range(2_000), mininterval=0): pass"
    update = (
        "from IPython.display import display, update_display\n"
        "display('0', display_id='d')\n"
        "for i in range(2000): update_display(str(i), display_id='d')"
    )
    async with opened(server, "redrawn") as notebook:
        assert text(await notebook.finish(clearing)) == "1999\n"
        drawn = text(await notebook.finish(bar))
        assert "2000/2000" in drawn
        assert drawn.count("it/s") == 1
        shown = (await notebook.finish(update))["output"]
        assert [each["data"]["text/plain"] for each in shown.values()] == ["'1999'"]


async def test_a_limit_of_the_notebook_counts_for_both_faces(server: JupyterServer) -> None:
    """syncdoc-jupyter §3.4, §4.6: ``max_output_length`` characters of messages as JSON."""
    async with opened(server, "limit") as notebook:
        notebook.db.set({"type": "settings", "max_output_length": 1_000})
        cell = await notebook.finish("print('x' * 5_000)")
        assert len(cell["output"]) == 2
        assert len(json.dumps(cell["output"]["0"])) == 1_000


async def test_a_notebook_that_is_renamed_while_it_runs_keeps_its_kernel_and_its_cells_run_on(
    server: JupyterServer,
) -> None:
    waiting = (
        "print('began', flush=True)\nimport os, time\n"
        "while not os.path.exists('go'): time.sleep(0.01)\nx = 'kept'"
    )
    write_notebook(server.work / "before.ipynb", "1")
    async with browser(server) as page:
        db = await page.notebook(".before.ipynb.sage-jupyter2")
        before = Notebook(db, "before.ipynb", page)
        (running,) = await before.run(waiting)
        await until(lambda: text(before.cell(running)) == "began\n")
        path = {"path": "after.ipynb"}
        (await server.request("PATCH", "api/contents/before.ipynb", json=path)).raise_for_status()
        renamed = await page.notebook(".after.ipynb.sage-jupyter2")
        after = Notebook(renamed, "after.ipynb", page)
        await until(lambda: after.settings().get("backend_state") == "running")
        assert after.state(running) == "busy"
        (server.work / "go").touch()
        await until(lambda: after.state(running) == "done")
        assert text(await after.finish("print(x)")) == "kept\n"
        await after.signal("SIGKILL")
