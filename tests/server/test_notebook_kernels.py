"""Which kernel a notebook has."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_client.kernelspec import NoSuchKernel

from cocalc_jupyter_ext.kernels.errors import KernelNotStartedError, KernelSpecNotFoundError
from cocalc_jupyter_ext.kernels.record_kernel import KernelState
from cocalc_jupyter_ext.server.notebook_kernels import NotebookKernels


class Sessions:
    """A session manager that is slow to start kernels."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.kernel_names: list[str] = []

    async def session_exists(self, path: str) -> bool:
        return path in self.sessions

    async def get_session(self, path: str) -> dict[str, Any]:
        return self.sessions[path]

    async def create_session(self, path: str, kernel_name: str, **_: Any) -> dict[str, Any]:
        await asyncio.sleep(0)
        self.kernel_names.append(kernel_name)
        session = {
            "id": f"s{len(self.kernel_names)}",
            "kernel": {"id": f"k{len(self.kernel_names)}"},
        }
        self.sessions[path] = session
        return session

    async def update_session(self, session_id: str, path: str, name: str) -> None:
        (old,) = (p for p, s in self.sessions.items() if s["id"] == session_id)
        self.sessions[path] = self.sessions.pop(old)

    async def delete_session(self, session_id: str) -> None:
        self.sessions = {p: s for p, s in self.sessions.items() if s["id"] != session_id}


class Kernels:
    """A kernel manager."""

    default_kernel_name = "python3"

    def __init__(self) -> None:
        self.kernel_spec_manager = SimpleNamespace(
            find_kernel_specs=lambda: {"python3": "", "ir": ""}
        )
        self.interrupted: list[str] = []
        self.is_alive = True
        self.kernel = SimpleNamespace(
            kernel_name="python3", execution_state="idle", is_alive=lambda: self.is_alive
        )

    def __contains__(self, kernel_id: str) -> bool:
        return kernel_id.startswith("k")

    def get_kernel(self, kernel_id: str) -> SimpleNamespace:
        return self.kernel

    async def interrupt_kernel(self, kernel_id: str) -> None:
        self.interrupted.append(kernel_id)


async def test_everybody_who_asks_for_a_notebooks_kernel_gets_the_same_one() -> None:
    sessions = Sessions()
    kernels = NotebookKernels(sessions, Kernels())

    found = await asyncio.gather(*[kernels.ensure("a/b.ipynb", None) for _ in range(3)])

    assert found == ["k1", "k1", "k1"]
    assert await kernels.find("a/b.ipynb") == "k1"
    assert sessions.kernel_names == ["python3"]


async def test_a_kernel_of_the_wanted_name_is_started() -> None:
    sessions = Sessions()

    await NotebookKernels(sessions, Kernels()).ensure("a.ipynb", "ir")
    await NotebookKernels(sessions, Kernels()).ensure("b.ipynb", "")

    assert sessions.kernel_names == ["ir", "python3"]


async def test_the_kernel_that_has_replaced_another_one_is_not_ended_in_its_place() -> None:
    """syncdoc-jupyter §4.4: who chooses a kernel and runs a cell at once keeps the new kernel."""
    manager = Kernels()
    kernels = NotebookKernels(Sessions(), manager)
    assert await kernels.ensure("a.ipynb", "python3") == "k1"
    await kernels.end("a.ipynb", unless_named="python3")
    assert await kernels.find("a.ipynb") == "k1"
    await kernels.end("a.ipynb", unless_named="ir")
    assert await kernels.find("a.ipynb") is None


async def test_kernels_are_interrupted_and_ended_with_their_session() -> None:
    sessions, manager = Sessions(), Kernels()
    kernels = NotebookKernels(sessions, manager)
    kernel_id = await kernels.ensure("a.ipynb", None)

    await kernels.interrupt(kernel_id)
    await kernels.end("a.ipynb")
    await kernels.end("a.ipynb")

    assert manager.interrupted == ["k1"]
    assert await kernels.find("a.ipynb") is None


async def test_a_kernel_of_another_name_and_one_that_died_for_good_are_replaced() -> None:
    """syncdoc-jupyter §4.4: changing the kernel closes the one that runs."""
    sessions, manager = Sessions(), Kernels()
    kernels = NotebookKernels(sessions, manager)
    assert await kernels.ensure("a.ipynb", "Python3") == "k1"
    assert await kernels.ensure("a.ipynb", "python3") == "k1"
    assert await kernels.ensure("a.ipynb", "ir") == "k2"
    manager.kernel.execution_state = "dead"
    assert await kernels.ensure("a.ipynb", None) == "k3"


async def test_who_runs_code_while_a_kernel_is_being_ended_gets_another_one() -> None:
    """syncdoc-jupyter §4.5: the code of a restart is not sent to the kernel that it ends."""

    class Slow(Sessions):
        released = asyncio.Event()

        async def delete_session(self, session_id: str) -> None:
            await self.released.wait()
            await super().delete_session(session_id)

    kernels = NotebookKernels(sessions := Slow(), Kernels())
    assert await kernels.ensure("a.ipynb", None) == "k1"
    ending = asyncio.create_task(kernels.end("a.ipynb"))
    await asyncio.sleep(0)
    running = asyncio.create_task(kernels.ensure("a.ipynb", None))
    await asyncio.sleep(0.01)
    assert not running.done()
    sessions.released.set()
    await ending
    assert await running == "k2"


async def test_a_kernel_that_is_being_started_is_spawning() -> None:
    """syncdoc-jupyter §4.4: ``spawning`` comes before ``starting``."""
    kernels = NotebookKernels(Sessions(), Kernels())
    assert (await kernels.look("a.ipynb")).backend == "ready"

    starting = asyncio.create_task(kernels.ensure("a.ipynb", None))
    await asyncio.sleep(0)  # it asks for a session now, which takes a turn of the loop

    assert (await kernels.look("a.ipynb")).backend == "spawning"
    assert (await kernels.look("b.ipynb")).backend == "ready"
    await starting
    assert (await kernels.look("a.ipynb")).backend == "running"


async def test_a_kernel_whose_process_has_ended_is_starting_until_another_one_runs() -> None:
    """syncdoc-jupyter §4.4: what it said last, for instance that it is busy, is not true."""
    manager = Kernels()
    kernels = NotebookKernels(Sessions(), manager)
    await kernels.ensure("a.ipynb", None)
    manager.kernel.execution_state = "busy"
    assert await kernels.look("a.ipynb") == KernelState("running", "busy")
    manager.is_alive = False
    assert await kernels.look("a.ipynb") == KernelState("starting", "starting")
    manager.kernel.execution_state = "dead"
    assert await kernels.look("a.ipynb") == KernelState("ready", "dead")


async def test_a_kernel_that_is_slow_to_start_keeps_no_other_notebook_waiting() -> None:
    class Slow(Sessions):
        released = asyncio.Event()

        async def create_session(self, path: str, kernel_name: str, **_: Any) -> dict[str, Any]:
            if path == "slow.ipynb":
                await self.released.wait()
            return await super().create_session(path, kernel_name)

    sessions = Slow()
    kernels = NotebookKernels(sessions, Kernels())
    slow = asyncio.create_task(kernels.ensure("slow.ipynb", None))
    async with asyncio.timeout(5):
        assert await kernels.ensure("other.ipynb", None) == "k1"
        sessions.released.set()
        assert await slow == "k2"


async def test_a_renamed_notebook_keeps_its_kernel_unless_it_has_another_one() -> None:
    kernels = NotebookKernels(Sessions(), Kernels())
    assert await kernels.ensure("a.ipynb", None) == "k1"
    await kernels.follow_rename("a.ipynb", "b.ipynb")
    assert await kernels.find("b.ipynb") == "k1"
    assert await kernels.find("a.ipynb") is None
    assert await kernels.ensure("c.ipynb", None) == "k2"
    for old in ("c.ipynb", "nothing.ipynb", "b.ipynb"):
        await kernels.follow_rename(old, "b.ipynb")
    assert [await kernels.find(path) for path in ("b.ipynb", "c.ipynb")] == ["k1", "k2"]


class Failing(Sessions):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def create_session(self, path: str, kernel_name: str, **_: Any) -> dict[str, Any]:
        raise self.error


async def test_why_a_kernel_cannot_be_started_is_said_with_what_to_do() -> None:
    """syncdoc-jupyter §4.5: the error and a hint."""
    missing = NotebookKernels(Failing(NoSuchKernel("fish")), Kernels())
    with pytest.raises(KernelSpecNotFoundError, match=r"fish.*choose one of these: ir, python3"):
        await missing.ensure("a.ipynb", "fish")

    program = FileNotFoundError(2, "No such file or directory", "/no/fish")
    broken = NotebookKernels(Failing(program), Kernels())
    with pytest.raises(KernelNotStartedError, match=r"fish.*/no/fish.*choose another kernel"):
        await broken.ensure("a.ipynb", "fish")
    assert await broken.look("a.ipynb") == KernelState()
