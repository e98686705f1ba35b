"""What CoCalc clients read of a notebook's kernel (syncdoc-jupyter §3.2, §3.4, §4.4)."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB
from cocalc_jupyter_ext.kernels.record_kernel import KernelState, NotebookKernel, RecordKernel

from ..support.persist import World
from ..support.synced_notebooks import PROJECT, join_notebook
from ..support.waiting import until


class Kernel:
    """A kernel whose state is told by hand."""

    def __init__(self) -> None:
        self.state = KernelState()
        self.ended = 0
        self.replaced_by = ""
        self.looks = 0
        self.problem: Exception | None = None

    async def look(self) -> KernelState:
        self.looks += 1
        if self.problem is not None:
            raise self.problem
        return self.state

    async def replace(self, new: str) -> None:
        self.ended += 1
        self.replaced_by = new
        if self.problem is not None:
            raise self.problem
        self.state = KernelState()


async def follow(
    world: World,
    kernel: Kernel,
    clock: Callable[[], float] = lambda: 5.0,
    error_shown_s: float = 3.0,
    look_every_s: float = 0.02,
) -> tuple[RecordKernel, SyncDB, Callable[[], Any]]:
    project, bob = await join_notebook(world, PROJECT), await join_notebook(world, "bob")
    follower = RecordKernel(
        project.document,
        NotebookKernel(kernel.look, kernel.replace),
        clock=clock,
        look_every_s=look_every_s,
        error_shown_s=error_shown_s,
    )
    follower.start()
    world.stack.push_async_callback(follower.close)
    return follower, bob, lambda: bob.get_one({"type": "settings"}) or {}


async def test_a_loaded_notebook_says_so_and_has_no_kernel_yet(world: World) -> None:
    _follower, bob, settings = await follow(world, Kernel())

    await until(lambda: settings().get("backend_state") == "ready")

    assert bob.get_one({"type": "file"}) == {"type": "file", "last_load": 5000}
    assert settings() == {
        "type": "settings",
        "backend_state": "ready",
        "last_backend_state": 5000,
        "kernel_state": "idle",
        "kernel_usage": {"memory": 0, "cpu": 0},
        "last_ipynb_save": 5000,
    }


async def test_a_file_that_was_read_again_is_told_and_no_longer_unreadable(world: World) -> None:
    """syncdoc-jupyter §3.2: loading records when, and deletes the ``fatal`` record."""
    now = [5.0]
    follower, bob, settings = await follow(world, Kernel(), clock=lambda: now[0])
    await until(lambda: settings().get("backend_state") == "ready")
    bob.set({"type": "fatal", "error": "not readable"})
    await bob.commit()
    await until(lambda: bool(follower._document.value.get({"type": "fatal"})))

    now[0] = 6.0
    follower.tell_loaded()
    await until(lambda: bob.get_one({"type": "file"}) == {"type": "file", "last_load": 6000})

    assert settings()["last_ipynb_save"] == 6000
    assert bob.get_one({"type": "fatal"}) is None


async def test_the_kernel_is_followed_and_what_others_say_of_it_is_set_right(world: World) -> None:
    kernel = Kernel()
    follower, bob, settings = await follow(world, kernel)
    await until(lambda: settings().get("backend_state") == "ready")

    kernel.state = KernelState("running", "busy")
    follower.look_soon()
    await until(lambda: settings().get("kernel_state") == "busy")
    assert settings()["backend_state"] == "running"

    bob.set({"type": "settings", "backend_state": "ready"})
    await bob.commit()
    await until(lambda: settings().get("backend_state") == "running")


async def test_a_kernel_that_runs_code_is_not_said_to_start_by_who_has_not_heard_of_it(
    world: World,
) -> None:
    """syncdoc-jupyter §4.3: a cell that began before the kernel runs would not count as done."""
    kernel = Kernel()
    kernel.state = KernelState("starting", "starting")
    now = [5.0]
    follower, _bob, settings = await follow(world, kernel, clock=lambda: now[0])
    await until(lambda: settings().get("backend_state") == "starting")
    now[0] = 6.0
    follower.runs_code()
    await until(lambda: settings().get("backend_state") == "running")
    looks = kernel.looks
    now[0] = 7.0
    follower.look_soon()
    await until(lambda: kernel.looks >= looks + 2)
    kernel.state = KernelState("running", "idle")
    await until(lambda: settings().get("kernel_state") == "idle")
    assert (settings()["backend_state"], settings()["last_backend_state"]) == ("running", 6000)

    now[0] = 8.0
    kernel.state = KernelState("starting", "starting")
    await until(lambda: settings().get("backend_state") == "starting")
    assert settings()["last_backend_state"] == 8000


async def test_the_kernel_ends_when_another_one_is_chosen(world: World) -> None:
    kernel = Kernel()
    _follower, bob, _settings = await follow(world, kernel)
    bob.set({"type": "settings", "kernel": "python3"})
    await bob.commit()
    bob.set({"type": "settings", "kernel": "ir"})
    await bob.commit()

    await until(lambda: kernel.ended == 1)
    assert kernel.replaced_by == "ir"


async def test_an_error_goes_when_the_kernel_runs(world: World) -> None:
    kernel = Kernel()
    _follower, bob, settings = await follow(world, kernel, error_shown_s=0)
    bob.set({"type": "settings", "kernel_error": "it died"})
    await bob.commit()

    kernel.state = KernelState("running", "idle")

    await until(lambda: settings().get("kernel_error") == "")


async def test_an_error_goes_at_its_time_and_not_only_when_the_kernel_is_looked_at_again(
    world: World,
) -> None:
    """syncdoc-jupyter §3.4."""
    kernel = Kernel()
    kernel.state = KernelState("running", "idle")
    follower, _bob, settings = await follow(
        world, kernel, clock=time.time, error_shown_s=0.1, look_every_s=3600
    )
    follower.tell_error("it died")

    await until(lambda: settings().get("kernel_error") == "")


async def test_an_error_is_shown_until_the_kernel_has_run_for_a_while(world: World) -> None:
    """syncdoc-jupyter §3.4: it is cleared 3 s after the kernel runs."""
    kernel = Kernel()
    kernel.state = KernelState("running", "idle")
    now = [100.0]
    follower, _bob, settings = await follow(world, kernel, clock=lambda: now[0])
    follower.tell_error("it died")
    await until(lambda: settings().get("kernel_error") == "it died")
    for seconds in (0, 2.9):
        now[0] = 100 + seconds
        follower.look_soon()
        await asyncio.sleep(0.05)
        assert settings()["kernel_error"] == "it died"
    now[0] = 103.1
    await until(lambda: settings().get("kernel_error") == "")


async def test_a_kernel_that_died_too_often_is_called_so(world: World) -> None:
    kernel = Kernel()
    kernel.state = KernelState("ready", "dead")
    _follower, _bob, settings = await follow(world, kernel)
    await until(lambda: "again and again" in settings().get("kernel_error", ""))


async def test_a_kernel_that_cannot_be_looked_at_is_looked_at_again(world: World) -> None:
    kernel = Kernel()
    kernel.problem = OSError("no answer")
    _follower, _bob, settings = await follow(world, kernel)
    await asyncio.sleep(0.05)
    assert "backend_state" not in settings()

    kernel.problem = None

    await until(lambda: settings().get("backend_state") == "ready")


async def test_a_kernel_runs_at_the_latest_since_its_first_cell_began(world: World) -> None:
    """§4.3: clients count the cells that began since the kernel runs."""
    kernel, times = Kernel(), [5.0]
    kernel.state = KernelState("starting", "starting")
    follower, _bob, settings = await follow(world, kernel, clock=lambda: times[0])
    await until(lambda: settings().get("backend_state") == "starting")

    times[0] = 6.0
    kernel.state = KernelState("running", "busy")
    follower.runs_code()
    times[0] = 7.0
    await until(lambda: settings().get("backend_state") == "running")

    assert settings()["last_backend_state"] == 6000
    times[0] = 8.0
    follower.runs_code()
    await asyncio.sleep(0)
    assert settings()["last_backend_state"] == 6000


async def test_choosing_another_kernel_than_the_default_one_that_runs_ends_that(
    world: World,
) -> None:
    """syncdoc-jupyter §4.4."""
    kernel = Kernel()
    kernel.state = KernelState("running", "idle", "python3")
    _follower, bob, settings = await follow(world, kernel)
    await until(lambda: settings().get("backend_state") == "running")
    bob.set({"type": "settings", "kernel": "python3"})
    await bob.commit()
    bob.set({"type": "settings", "kernel": "other"})
    await bob.commit()
    await until(lambda: kernel.ended == 1)


async def test_the_connection_file_is_told_as_soon_as_the_kernel_starts(world: World) -> None:
    """§3.4, §4.4: an absolute path, for attaching a console."""
    kernel = Kernel()
    _follower, _bob, settings = await follow(world, kernel)
    await until(lambda: settings().get("backend_state") == "ready")
    assert "connection_file" not in settings()

    kernel.state = KernelState("starting", "starting", connection_file="/run/kernel-1.json")
    await until(lambda: settings().get("connection_file") == "/run/kernel-1.json")
    assert settings()["backend_state"] == "starting"
