"""CoCalc clients run cells of a real server, with nobody watching (design D6)."""

import json
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.services.named import ServiceClient, service_subject

from ..support.cocalc_clients import client_of, open_cocalc_notebook, project_id_of
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from ..support.waiting import until
from .test_two_faces import server, sources

__all__ = ["server"]  # a fixture


async def test_a_cocalc_client_runs_cells_and_everybody_sees_the_outputs(
    server: JupyterServer,
) -> None:
    async with RoomClient(server, "a.ipynb") as page, open_cocalc_notebook(server) as db:
        ids = [cell["id"] for cell in db.get({"type": "cell"})]
        db.set({"type": "cell", "id": ids[0], "input": "print('from cocalc')"})
        for number, cell_id in enumerate(ids):
            db.set({"type": "cell", "id": cell_id, "state": "start", "start": number + 1})
        await db.commit()

        def cell(index: int) -> Any:
            return db.get_one({"type": "cell", "id": ids[index]})

        await until(lambda: all(cell(index).get("state") == "done" for index in (0, 1)))
        await until(lambda: cell(1).get("output") is not None)
        assert cell(0)["output"] == {"0": {"name": "stdout", "text": "from cocalc\n"}}
        assert cell(0)["exec_count"] == 1
        assert cell(1)["output"] == {"0": {"data": {"text/plain": "4"}, "exec_count": 2}}
        assert cell(0)["start"] <= cell(0)["end"]

        await until(lambda: page.document.ycells[1].to_py()["outputs"] != [])
        shown = page.document.ycells[0].to_py()["outputs"]
        assert [output["text"] for output in shown] == ["from cocalc\n"]
        assert sources(page)[0] == "print('from cocalc')"
        # Pages show the outputs as those of a trusted cell; nobody else is told of that.
        assert page.document.ycells[0].to_py()["metadata"]["trusted"] is True
        assert not any("trusted" in (cell(index).get("metadata") or {}) for index in (0, 1))
        # Pages show who has run a cell.
        note = page.document.ystate[f"run:{ids[0]}"]
        assert note["by"]
        assert note["start"] <= note["end"]
        file = server.work / "a.ipynb"
        await until(lambda: "from cocalc\\n" in file.read_text())
        assert "trusted" not in file.read_text()
        sessions = (await server.request("GET", "api/sessions")).json()
        assert [session["path"] for session in sessions] == ["a.ipynb"]


async def test_a_cocalc_client_asks_the_kernel_and_interrupts_it(server: JupyterServer) -> None:
    subject = service_subject("api", project_id=project_id_of(server), path="a.ipynb")
    async with (
        RoomClient(server, "a.ipynb"),
        open_cocalc_notebook(server) as db,
        client_of(server) as client,
    ):
        # The first completion loads what it needs: seconds of work, more on a busy machine.
        notebook = ServiceClient(client, subject, timeout_s=60)

        info = await notebook.call("kernel_info")
        found = await notebook.call("complete", {"code": "pri", "cursor_pos": 3})
        documented = await notebook.call("introspect", {"code": "print", "cursor_pos": 5})
        assert info["language_info"]["name"] == "python"
        assert "print" in found["matches"]
        assert documented["found"]

        cell_id = db.get({"type": "cell"})[0]["id"]
        code = "print('it runs', flush=True)\nimport time; time.sleep(60)"
        db.set({"type": "cell", "id": cell_id, "input": code})
        db.set({"type": "cell", "id": cell_id, "state": "start"})
        await db.commit()

        def state() -> Any:
            return (db.get_one({"id": cell_id}) or {}).get("state")

        def outputs() -> Any:
            return (db.get_one({"id": cell_id}) or {}).get("output") or {}

        # The kernel reports busy a moment before it runs the code.
        await until(lambda: state() == "busy" and "0" in outputs())
        await notebook.call("signal", "SIGINT")
        await until(lambda: state() == "done")
        await until(lambda: "1" in outputs())
        assert outputs()["1"]["ename"] == "KeyboardInterrupt"

        await notebook.call("save_ipynb_file", {"version": db.versions()[-1].time})
        assert "KeyboardInterrupt" in (server.work / "a.ipynb").read_text()

        # Who halts says that all cells are done, and ends the kernel at once (§4.5).
        db.set({"type": "cell", "id": cell_id, "state": "start"})
        await db.commit()
        await until(lambda: state() == "busy")
        db.set({"type": "cell", "id": cell_id, "state": "done"})
        await db.commit()
        await notebook.call("signal", "SIGKILL")
        assert (await server.request("GET", "api/sessions")).json() == []
        assert not (db.get_one({"type": "settings"}) or {}).get("kernel_error")
        assert await notebook.call("more_output", cell_id) == []


async def test_what_a_cocalc_client_reads_of_the_kernel_from_choosing_it_to_the_saved_file(
    server: JupyterServer,
) -> None:
    """§3.4, §4.4, §4.9, §7.2."""
    subject = service_subject("api", project_id=project_id_of(server), path="a.ipynb")
    async with (
        RoomClient(server, "a.ipynb"),
        open_cocalc_notebook(server) as db,
        client_of(server) as client,
    ):
        notebook = ServiceClient(client, subject, timeout_s=30)

        def settings() -> dict[str, Any]:
            return dict(db.get_one({"type": "settings"}) or {})

        await until(lambda: settings().get("backend_state") == "ready")
        states = ["ready"]
        db.document.changes.connect(lambda _: states.append(settings()["backend_state"]))
        db.set({"type": "settings", "kernel": ""})
        await db.commit()
        await notebook.call("save_ipynb_file", {"version": db.versions()[-1].time})
        with pytest.raises(ConatError, match="no kernel"):
            await notebook.call("kernel_info")
        assert "spawning" not in states

        cell_id = db.get({"type": "cell"})[0]["id"]
        db.set({"type": "settings", "kernel": "python3"})
        db.set({"type": "cell", "id": cell_id, "state": "start"})
        await db.commit()
        await until(lambda: settings().get("backend_state") == "running")
        assert [state for state in dict.fromkeys(states) if state != "starting"] == [
            "ready",
            "spawning",
            "running",
        ]

        await until(lambda: settings()["metadata"]["language_info"]["name"] == "python")
        await notebook.call("save_ipynb_file", {})
        file = server.work / "a.ipynb"
        written_ms = file.stat().st_mtime_ns // 1_000_000
        await until(lambda: settings().get("last_ipynb_save") == written_ms)
        metadata = json.loads(file.read_text())["metadata"]
        assert metadata["kernelspec"]["language"] == "python"
        assert metadata["language_info"]["file_extension"] == ".py"
