"""Runs that CoCalc clients ask for by records (syncdoc-jupyter §4.1 to §4.5)."""

from cocalc_jupyter_ext.documents.notebook_actions import NotebookActions
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB
from cocalc_jupyter_ext.kernels.errors import InputAnsweredError
from cocalc_jupyter_ext.kernels.record_runs import RecordRuns
from cocalc_jupyter_ext.kernels.record_states import Request

from ..support.persist import World
from ..support.synced_notebooks import PROJECT, join_notebook
from ..support.waiting import until


class Starter:
    """Notes what is to be started; ``problem`` is raised instead."""

    def __init__(self) -> None:
        self.started: list[tuple[Request, str | None]] = []
        self.problem: Exception | None = None

    async def __call__(self, request: Request, kernel: str | None) -> None:
        if self.problem is not None:
            raise self.problem
        self.started.append((request, kernel))


class Active:
    """What runs, as a test says; notes what is to happen to it."""

    def __init__(self) -> None:
        self.cells: set[str] = set()
        self.cancelled: list[str] = []
        self.answered: list[tuple[str, str]] = []
        self.asks = True
        self.looked_for_missing = False

    def active(self) -> set[str]:
        return self.cells

    def cancel(self, cell_id: str) -> None:
        self.cancelled.append(cell_id)

    def cancel_missing(self) -> None:
        self.looked_for_missing = True

    def answer(self, cell_id: str, value: str) -> None:
        if not self.asks:
            raise InputAnsweredError
        self.answered.append((cell_id, value))


async def run_for(
    world: World,
    project: SyncDB,
    starter: Starter,
    active: Active | None = None,
    reconcile_s: float = 2.0,
) -> RecordRuns:
    runs = RecordRuns(
        project.document,
        starter,
        active or Active(),
        clock=lambda: 7.0,
        reconcile_s=reconcile_s,
    )
    runs.start()
    world.stack.push_async_callback(runs.close)
    return runs


async def test_a_cell_runs_because_a_client_sets_its_state(world: World) -> None:
    project, bob = await join_notebook(world, PROJECT), await join_notebook(world, "bob")
    starter = Starter()
    runs = await run_for(world, project, starter)
    bob.set([{"type": "settings", "kernel": "python3"}, {"type": "cell", "id": "a", "input": "1"}])
    await bob.commit()

    bob.set({"type": "cell", "id": "a", "state": "start", "start": 5})
    await bob.commit()
    await until(lambda: starter.started == [(Request(("a",), stops_on_error=True), "python3")])
    runs.progress("a", "queued")
    await until(lambda: bob.get_one({"type": "cell"})["state"] == "run")  # type: ignore[index]
    runs.progress("a", "running")
    runs.progress("a", "ok")
    await until(lambda: bob.get_one({"type": "cell"})["state"] == "done")  # type: ignore[index]

    done = {"type": "cell", "id": "a", "input": "1", "kernel": "python3"}
    assert bob.get_one({"type": "cell"}) == {**done, "state": "done", "start": 7000, "end": 7000}


async def test_what_was_asked_for_before_the_project_started_runs_and_orphans_end(
    world: World,
) -> None:
    bob, project = await join_notebook(world, "bob"), await join_notebook(world, PROJECT)
    bob.set(
        [
            {"type": "cell", "id": "a", "state": "start"},
            {"type": "cell", "id": "b", "state": "busy", "start": 1},
        ]
    )
    await bob.commit()
    await until(lambda: len(project) == 2)
    starter = Starter()

    await run_for(world, project, starter)

    await until(lambda: starter.started == [(Request(("a",), stops_on_error=True), None)])
    await until(lambda: bob.get_one({"id": "b"})["state"] == "done")  # type: ignore[index]


async def test_why_nothing_runs_is_told_to_everybody(world: World) -> None:
    project, bob = await join_notebook(world, PROJECT), await join_notebook(world, "bob")
    starter = Starter()
    starter.problem = ValueError("there is no kernel named 'sage'")
    await run_for(world, project, starter)

    bob.set({"type": "cell", "id": "a", "state": "start"})
    await bob.commit()
    await until(lambda: bob.get_one({"type": "settings"}) is not None)

    assert "no kernel named" in bob.get_one({"type": "settings"})["kernel_error"]  # type: ignore[index]
    await until(lambda: bob.get_one({"id": "a"})["state"] == "done")  # type: ignore[index]


async def test_progress_of_a_cell_that_is_gone_brings_nothing_back(world: World) -> None:
    project = await join_notebook(world, PROJECT)
    runs = await run_for(world, project, Starter())

    runs.progress("gone", "ok")

    assert len(project) == 0


async def test_who_sees_that_a_cell_is_done_has_its_outputs(world: World) -> None:
    """The runner says that a cell is over before it has written all of it (§4.3)."""
    project, bob = await join_notebook(world, PROJECT), await join_notebook(world, "bob")
    runs = await run_for(world, project, Starter())
    bob.set({"type": "cell", "id": "a", "input": "print(1)"})
    await bob.commit()
    await until(lambda: len(project) == 1)
    output = {"0": {"name": "stdout", "text": "1\n"}}
    seen: list[tuple[object, object]] = []

    def carry_over() -> None:
        project.set({"type": "cell", "id": "a", "output": output})
        project.document.commit()

    def note(_keys: object) -> None:
        cell = bob.get_one({"id": "a"}) or {}
        seen.append((cell.get("state"), cell.get("output")))

    bob.on_change(note)
    runs.progress("a", "ok")
    project.document.before_change.connect(carry_over)
    await until(lambda: bool(seen) and seen[-1][0] == "done")

    assert [shown for state, shown in seen if state == "done" and shown != output] == []


async def test_what_was_not_told_yet_is_told_when_the_runs_are_closed(world: World) -> None:
    project = await join_notebook(world, PROJECT)
    runs = await run_for(world, project, Starter())
    project.set({"type": "cell", "id": "a", "state": "busy"})

    runs.progress("a", "aborted")
    await runs.close()

    assert (project.get_one({"id": "a"}) or {})["state"] == "done"


async def cells_in(world: World, *cells: dict[str, object]) -> tuple[SyncDB, SyncDB]:
    """Return the notebook with some cells, as the project and as a client have it."""
    project, bob = await join_notebook(world, PROJECT), await join_notebook(world, "bob")
    bob.set([{"type": "cell", **cell} for cell in cells])
    await bob.commit()
    await until(lambda: len(project) == len(cells))
    return project, bob


async def test_a_cell_that_somebody_calls_done_is_cancelled(world: World) -> None:
    """syncdoc-jupyter §4.5: its state was set to done while it waited or ran."""
    project, bob = await cells_in(world, {"id": "a", "input": "1"}, {"id": "b", "input": "2"})
    active = Active()
    runs = await run_for(world, project, Starter(), active)
    active.cells = {"a", "b"}
    for cell_id in "ab":
        runs.progress(cell_id, "running")
    await until(lambda: all(c.get("state") == "busy" for c in bob.get({"type": "cell"})))

    bob.set({"type": "cell", "id": "b", "state": "done"})
    await bob.commit()

    await until(lambda: active.cancelled == ["b"])


async def test_what_runs_already_is_not_run_again_unless_it_was_cancelled(world: World) -> None:
    """syncdoc-jupyter §4.2: a request is ignored if the cell is running already."""
    project, bob = await cells_in(world, {"id": "a"}, {"id": "b"})
    starter, active = Starter(), Active()
    active.cells = {"a"}
    await run_for(world, project, starter, active)

    async def started(*cell_ids: str) -> list[tuple[str, ...]]:
        bob.set([{"type": "cell", "id": cell_id, "state": "start"} for cell_id in cell_ids])
        await bob.commit()
        await until(lambda: any(cell_ids[-1] in each.cell_ids for each, _ in starter.started))
        return [each.cell_ids for each, _ in starter.started]

    assert await started("a", "b") == [("b",)]
    bob.set({"type": "cell", "id": "a", "state": "done"})
    await bob.commit()
    await until(lambda: active.cancelled == ["a"])
    assert await started("a") == [("b",), ("a",)]


async def test_a_text_that_is_to_run_is_done_at_once(world: World) -> None:
    """Nobody would ever end it, and clients show it as waiting."""
    project, bob = await cells_in(world, {"id": "a", "cell_type": "markdown", "state": "start"})
    await run_for(world, project, Starter())
    await until(lambda: (bob.get_one({"id": "a"}) or {}).get("state") == "done")

    bob.set({"type": "cell", "id": "a", "state": "start"})
    await bob.commit()
    await until(lambda: (bob.get_one({"id": "a"}) or {}).get("state") == "done")


async def test_a_cell_that_is_cancelled_before_its_kernel_runs_is_not_wanted(world: World) -> None:
    """syncdoc-jupyter §4.5."""
    project, bob = await cells_in(world, {"id": "a"}, {"id": "b"})
    runs = await run_for(world, project, Starter())
    bob.set([{"type": "cell", "id": cell_id, "state": "start"} for cell_id in "ab"])
    await bob.commit()
    bob.set({"type": "cell", "id": "a", "state": "done"})
    await bob.commit()
    await until(lambda: (project.get_one({"id": "a"}) or {}).get("state") == "done")

    request = Request(("a", "b"), stops_on_error=True)
    assert runs.still_wanted(request).cell_ids == ("b",)


async def test_the_last_output_answers_the_question(world: World) -> None:
    """syncdoc-jupyter §3.5: whoever writes a value into it answers; the first one counts."""
    question = {"name": "input", "opts": {"prompt": "?", "password": False}}
    project, bob = await cells_in(world, {"id": "a", "output": {"0": question}})
    active = Active()
    active.cells = {"a"}
    await run_for(world, project, Starter(), active)

    bob.set({"type": "cell", "id": "a", "output": {"0": {**question, "value": "Ada"}}})
    await bob.commit()
    await until(lambda: active.answered == [("a", "Ada")])

    active.asks = False
    bob.set({"type": "cell", "id": "a", "output": {"0": {**question, "value": "Bob"}}})
    await bob.commit()
    await until(lambda: project.get_one({"id": "a"})["output"]["0"]["value"] == "Bob")  # type: ignore[index]
    assert active.answered == [("a", "Ada")]


async def test_states_are_made_to_match_what_runs(world: World) -> None:
    """syncdoc-jupyter §4.5: who seems to run is done, and deleted cells are cancelled."""
    project, bob = await cells_in(world, {"id": "a", "input": "1"}, {"id": "b", "input": "2"})
    active = Active()
    active.cells = {"a"}
    await run_for(world, project, Starter(), active, reconcile_s=0.02)

    bob.set([{"type": "cell", "id": cell_id, "state": "busy", "start": 1} for cell_id in "ab"])
    await bob.commit()

    await until(lambda: (bob.get_one({"id": "b"}) or {}).get("state") == "done")
    assert bob.get_one({"id": "a"})["state"] == "busy"  # type: ignore[index]
    assert active.looked_for_missing


async def test_running_an_empty_cell_clears_it(world: World) -> None:
    """syncdoc-jupyter §3.3: state, times, outputs and count go."""
    old = {"output": {"0": {"name": "stdout", "text": "x"}}, "exec_count": 3, "start": 1, "end": 2}
    project, bob = await cells_in(world, {"id": "a", "input": " ", **old})
    runs = await run_for(world, project, Starter())
    runs.progress("a", "queued")
    runs.progress("a", "running")
    runs.progress("a", "ok")

    await until(lambda: "exec_count" not in (bob.get_one({"id": "a"}) or {}))
    assert bob.get_one({"id": "a"}) == {
        "type": "cell",
        "id": "a",
        "input": " ",
        "last": 1,
    }


async def test_how_long_the_run_before_took_is_told_for_runs_of_others(world: World) -> None:
    """syncdoc-jupyter §3.3: ``last``; who asks by the record writes it, JupyterLab does not."""
    project, bob = await cells_in(world, {"id": "a", "input": "1", "start": 100, "end": 350})
    runs = await run_for(world, project, Starter())
    runs.default_kernel = "python3"
    runs.progress("a", "queued")

    await until(lambda: (bob.get_one({"id": "a"}) or {}).get("last") == 250)
    assert bob.get_one({"id": "a"})["kernel"] == "python3"  # type: ignore[index]


async def test_an_action_of_the_project_itself_runs_cells_as_that_of_a_client(
    world: World,
) -> None:
    """§15: running a cell is the same call on both sides."""
    project = await join_notebook(world, PROJECT)
    starter = Starter()
    await run_for(world, project, starter)
    actions = NotebookActions(project, is_project=True)
    actions.set_kernel("python3")

    cell_id = actions.insert_cell("1 + 1")
    actions.run_code_cell(cell_id)

    await until(lambda: starter.started == [(Request((cell_id,), stops_on_error=True), "python3")])
