"""Cells run by a real server on real kernels."""

import asyncio
import json
import os
import signal

import pytest

from cocalc_jupyter_ext.documents.blobs.placeholders import blobs_of
from tests.support.kernel_socket import KernelSocket
from tests.support.notebook_runs import NotebookRuns
from tests.support.notebooks import write_notebook
from tests.support.room_client import RoomClient
from tests.support.servers import JupyterServer

CONFIG = """
c.CoCalcExtension.document_close_delay_s = 0.2
c.CoCalcExtension.autosave_quiet_s = 0.1
"""
PID = "import os; print(os.getpid())"
ROUTES = (
    ("POST", "cocalc/api/notebooks/x/run"),
    ("GET", "cocalc/api/runs/x"),
    ("POST", "cocalc/api/runs/x/input"),
    ("POST", "cocalc/api/notebooks/x/input"),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with JupyterServer(tmp_path_factory.mktemp("server"), config=CONFIG) as server:
        yield server


@pytest.fixture
async def notebook(server, request):
    begun = []

    async def begin(*sources):
        path = f"{len(begun)}-{request.node.name}.ipynb"
        begun.append(await NotebookRuns.start(server, path, *sources))
        return begun[-1]

    yield begin
    for runs in begun:
        await server.request("DELETE", f"api/kernels/{runs.kernel_id}")


async def test_a_cell_runs_and_shows_what_it_prints(notebook):
    runs = await notebook("print('hello')\n6 * 7")
    assert await runs.run("c0") == ["ok"]
    cell = await runs.cell("c0")
    assert cell["outputs"] == [
        {"output_type": "stream", "name": "stdout", "text": "hello\n"},
        {
            "output_type": "execute_result",
            "data": {"text/plain": "42"},
            "metadata": {},
            "execution_count": 1,
        },
    ]
    assert (cell["execution_count"], cell["execution_state"]) == (1, "idle")


async def test_the_outputs_of_a_run_cell_are_trusted(notebook):
    runs = await notebook("1")
    await runs.run("c0")
    assert (await runs.cell("c0"))["metadata"]["trusted"] is True


async def test_an_error_shows_its_traceback_and_stops_the_rest_of_the_run(notebook):
    runs = await notebook("print('before')\n1 / 0", "print('not reached')")
    status = await runs.finish(await runs.begin("c0", "c1"))
    assert [cell["state"] for cell in status["cells"]] == ["error", "aborted"]
    assert status["cells"][1]["reason"] == "An earlier cell of the same run failed."
    failed = await runs.cell("c0")
    assert runs.text(failed) == "before\n"
    assert runs.errors(failed) == ["ZeroDivisionError"]
    assert "division by zero" in failed["outputs"][-1]["traceback"][-1]
    waiting = await runs.cell("c1")
    assert (waiting["outputs"], waiting["execution_state"]) == ([], "idle")


async def test_an_error_does_not_stop_a_run_that_says_so(notebook):
    runs = await notebook("1 / 0", "print('reached')")
    assert await runs.run("c0", "c1", stop_on_error=False) == ["error", "ok"]


async def test_five_thousand_lines_are_complete(notebook):
    runs = await notebook("for i in range(5000): print(i)")
    await runs.run("c0")
    assert runs.text(await runs.cell("c0")).split() == [str(i) for i in range(5000)]


async def test_ten_thousand_lines_flushed_one_by_one_are_complete_as_one_output(notebook):
    runs = await notebook("for i in range(10_000): print(i, flush=True)")
    assert await runs.run("c0") == ["ok"]
    cell = await runs.cell("c0")
    assert runs.text(cell).split() == [str(i) for i in range(10_000)]
    assert len(cell["outputs"]) == 1


async def test_without_any_page_the_file_is_saved_with_all_outputs(notebook):
    runs = await notebook("for i in range(2000): print(i, flush=True)", "1 / 0")
    await runs.run("c0", "c1")
    first, second = (await runs.until_saved(lambda saved: saved.cells[1].outputs)).cells
    assert first.outputs[0].text.split() == [str(i) for i in range(2000)]
    assert first.execution_count == 1
    assert second.outputs[0].ename == "ZeroDivisionError"


async def test_a_long_silent_cell_needs_no_page(notebook):
    # Longer than the time after which a document without pages is closed.
    runs = await notebook("import time; time.sleep(1.5); print('done')")
    assert await runs.run("c0") == ["ok"]
    saved = await runs.until_saved(lambda saved: saved.cells[0].outputs)
    assert saved.cells[0].outputs[0].text == "done\n"


async def test_a_page_that_comes_during_a_run_sees_what_was_printed_and_the_star(notebook):
    runs = await notebook("print('so far', flush=True)\nimport time; time.sleep(60)")
    run_id = await runs.begin("c0")
    await runs.until_running(run_id)
    async with RoomClient(runs.server, runs.path) as page:
        cell = page.document.ycells[0]
        await page.until(lambda: len(cell["outputs"]) == 1)
        assert str(cell["outputs"][0]["text"]) == "so far\n"
        assert cell["execution_state"] == "running"
    await runs.kernel_action("interrupt")
    await runs.finish(run_id)


async def test_waiting_cells_show_the_star_and_keep_their_outputs(notebook):
    runs = await notebook("print('old')", "import time; time.sleep(60)")
    await runs.run("c0")
    run_id = await runs.begin("c1", "c0")
    await runs.until_running(run_id)
    cell = await runs.cell("c0")
    assert cell["execution_state"] == "running"
    assert runs.text(cell) == "old\n"
    await runs.kernel_action("interrupt")
    await runs.finish(run_id)


async def test_an_interrupt_ends_the_running_cell_and_clears_the_queue_of_all_runs(notebook):
    runs = await notebook("import time; time.sleep(60)", "print('no')")
    first = await runs.begin("c0", "c1")
    second = await runs.begin("c1", stop_on_error=False)
    await runs.until_running(first)
    await runs.kernel_action("interrupt")
    assert [c["state"] for c in (await runs.finish(first))["cells"]] == ["error", "aborted"]
    assert (await runs.finish(second))["cells"][0] == {
        "cell_id": "c1",
        "state": "aborted",
        "reason": "The kernel was interrupted.",
    }
    assert runs.errors(await runs.cell("c0")) == ["KeyboardInterrupt"]
    assert (await runs.cell("c1"))["execution_state"] == "idle"


async def test_a_restart_during_a_run_ends_every_cell_with_an_error_and_the_next_run_works(
    notebook,
):
    runs = await notebook("import time; time.sleep(60)", "print('again')")
    run_id = await runs.begin("c0", "c1")
    await runs.until_running(run_id)
    await runs.kernel_action("restart")
    status = await runs.finish(run_id, timeout_s=10)
    assert [c["state"] for c in status["cells"]] == ["aborted", "aborted"]
    assert status["cells"][0]["reason"] == "The kernel was restarted."
    assert runs.errors(await runs.cell("c0"))[-1] == "KernelRestarted"
    assert runs.errors(await runs.cell("c1")) == ["KernelRestarted"]
    assert await runs.run("c1") == ["ok"]
    cell = await runs.cell("c1")
    assert (runs.text(cell), cell["execution_count"]) == ("again\n", 1)


async def test_a_killed_kernel_ends_every_cell_within_seconds_and_the_next_run_works(notebook):
    runs = await notebook(PID, "print('x', flush=True)\nimport time; time.sleep(60)", "print('y')")
    pid = await runs.kernel_pid("c0")
    run_id = await runs.begin("c1", "c2")
    await runs.until_running(run_id)
    os.kill(pid, signal.SIGKILL)
    status = await runs.finish(run_id, timeout_s=5)
    assert [c["state"] for c in status["cells"]] == ["aborted", "aborted"]
    assert "died" in status["cells"][0]["reason"]
    assert runs.errors(await runs.cell("c1")) == ["KernelDied"]
    assert runs.errors(await runs.cell("c2")) == ["KernelDied"]
    assert await runs.run("c2") == ["ok"]
    assert runs.text(await runs.cell("c2")) == "y\n"


async def test_a_cell_that_ends_its_own_kernel_ends_visibly(notebook):
    runs = await notebook(
        "import os, time\nprint('last words', flush=True); time.sleep(0.3); os._exit(1)"
    )
    assert await runs.run("c0") == ["aborted"]
    cell = await runs.cell("c0")
    assert runs.text(cell) == "last words\n"
    assert runs.errors(cell) == ["KernelDied"]


async def test_a_kernel_that_is_shut_down_during_a_run_ends_every_cell(notebook):
    runs = await notebook("import time; time.sleep(60)", "1")
    run_id = await runs.begin("c0", "c1")
    await runs.until_running(run_id)
    await runs.shut_kernel_down()
    status = await runs.finish(run_id, timeout_s=10)
    assert {c["reason"] for c in status["cells"]} == {"The kernel was shut down."}
    await runs.start_kernel()
    assert await runs.run("c1") == ["ok"]


async def test_a_switch_of_the_kernel_ends_what_the_old_one_ran(notebook):
    runs = await notebook("import time; time.sleep(60)", "print('new')")
    run_id = await runs.begin("c0")
    await runs.until_running(run_id)
    old_kernel = runs.kernel_id
    response = await runs.server.request("POST", "api/kernels", content='{"name": "python3"}')
    runs.kernel_id = response.json()["id"]
    assert await runs.run("c1") == ["ok"]
    status = await runs.finish(run_id)
    assert status["cells"][0]["reason"].startswith("The notebook was switched")
    assert runs.text(await runs.cell("c1")) == "new\n"
    assert runs.errors(await runs.cell("c0")) == ["KernelSwitched"]
    await runs.server.request("DELETE", f"api/kernels/{old_kernel}")


async def test_a_question_is_shown_and_the_first_answer_wins(notebook):
    runs = await notebook("name = input('Name: ')\nprint('hello', name)")
    run_id = await runs.begin("c0")
    question = (await runs.until(run_id, lambda status: status["input"]))["input"]
    assert (question["prompt"], question["password"]) == ("Name: ", False)
    assert (await runs.answer(run_id, question["input_id"], "Ada")).status_code == 204
    late = await runs.answer(run_id, question["input_id"], "Bob")
    assert late.status_code == 409
    assert "answered already" in late.json()["message"]
    assert (await runs.finish(run_id))["input"] is None
    asked, printed = (await runs.cell("c0"))["outputs"]
    assert asked["data"]["text/plain"] == "Name: Ada"
    assert printed["text"] == "hello Ada\n"


async def test_a_password_is_not_shown(notebook):
    runs = await notebook("import getpass; print(len(getpass.getpass('Key: ')))")
    run_id = await runs.begin("c0")
    question = (await runs.until(run_id, lambda status: status["input"]))["input"]
    assert question["password"] is True
    await runs.answer(run_id, question["input_id"], "secret")
    await runs.finish(run_id)
    text = runs.text(await runs.cell("c0"))
    assert "secret" not in text
    assert text.endswith("6\n")


async def test_an_interrupt_ends_the_question(notebook):
    runs = await notebook("input('Name: ')")
    run_id = await runs.begin("c0")
    question = (await runs.until(run_id, lambda status: status["input"]))["input"]
    await runs.kernel_action("interrupt")
    status = await runs.finish(run_id)
    assert (status["input"], status["cells"][0]["state"]) == (None, "error")
    assert (await runs.answer(run_id, question["input_id"], "late")).status_code == 409
    asked, error = (await runs.cell("c0"))["outputs"]
    assert asked["data"]["text/plain"] == "Name: "
    assert error["ename"] == "KeyboardInterrupt"


async def test_two_notebooks_run_at_once(notebook):
    first = await notebook("import time; time.sleep(60)")
    second = await notebook("print('not blocked')")
    run_id = await first.begin("c0")
    await first.until_running(run_id)
    assert await second.run("c0") == ["ok"]
    await first.kernel_action("interrupt")
    await first.finish(run_id)


async def test_an_update_changes_displays_of_earlier_cells(notebook):
    runs = await notebook(
        "handle = display('old', display_id=True)\nprint('after')", "handle.update('new')"
    )
    await runs.run("c0", "c1")
    display, text = (await runs.cell("c0"))["outputs"]
    assert display["data"] == {"text/plain": "'new'"}
    assert text["text"] == "after\n"
    assert (await runs.cell("c1"))["outputs"] == []


async def test_a_plot_and_a_table_are_shown(notebook):
    runs = await notebook(
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()",
        "import pandas\npandas.DataFrame({'a': [1, 2]})",
    )
    assert await runs.run("c0", "c1") == ["ok", "ok"]
    plot = (await runs.cell("c0"))["outputs"][-1]
    assert "image/png" in blobs_of(plot["data"])  # the picture is beside the document
    table = (await runs.cell("c1"))["outputs"][-1]
    assert "<table" in table["data"]["text/html"]
    saved = await runs.until_saved(lambda saved: saved.cells[1].outputs)
    assert saved.cells[0].outputs[-1].data["image/png"].startswith("iVBOR")


async def test_a_progress_bar_leaves_one_line(notebook):
    runs = await notebook("for i in range(50): print(f'\\r{i}%', end='', flush=True)")
    await runs.run("c0")
    assert runs.text(await runs.cell("c0")) == "49%"


@pytest.mark.parametrize("question", [None, "kernel_info_request"])
async def test_what_a_thread_prints_after_its_cell_is_shown_in_that_cell(notebook, question):
    go = f"after-{question}"
    runs = await notebook(
        "import pathlib, threading, time\n"
        "def late():\n"
        f"    while not pathlib.Path('{go}').exists():\n"
        "        time.sleep(0.01)\n"
        "    print('late')\n"
        "threading.Thread(target=late).start()"
    )
    await runs.run("c0")
    if question is not None:
        # A kernel takes what a thread prints for the answer to whatever it was asked last.
        async with KernelSocket(runs.server, runs.kernel_id) as browser:
            await browser.until_reply(await browser.send(question, {}))
    (runs.server.work / go).touch()
    async with RoomClient(runs.server, runs.path) as page:
        first = page.document.ycells[0]
        await page.until(lambda: len(first["outputs"]) == 1, timeout_s=30)
        assert str(first["outputs"][0]["text"]) == "late\n"


async def test_help_is_shown_as_an_output(notebook):
    runs = await notebook("print?")
    await runs.run("c0")
    (shown,) = (await runs.cell("c0"))["outputs"]
    assert "Prints the values to a stream" in shown["data"]["text/plain"]


async def test_the_next_input_is_there_without_any_page(notebook):
    runs = await notebook("get_ipython().set_next_input('next')")
    status = await runs.finish(await runs.begin("c0"))
    (payload,) = status["cells"][0]["payload"]
    assert (payload["source"], payload["text"]) == ("set_next_input", "next")
    async with RoomClient(runs.server, runs.path) as page:
        sources = [cell["source"] for cell in page.document.ycells.to_py()]
    assert sources[1:] == ["next"]


async def test_an_empty_cell_is_cleared_without_the_kernel(notebook):
    runs = await notebook("  \n")
    assert await runs.run("c0") == ["ok"]
    cell = await runs.cell("c0")
    assert (cell["execution_count"], cell["execution_state"]) == (None, "idle")


async def test_a_cell_deleted_while_it_waits_is_passed_over(notebook):
    runs = await notebook("import time; time.sleep(1)", "print('gone')", "print('stays')")
    run_id = await runs.begin("c0", "c1", "c2")
    async with RoomClient(runs.server, runs.path) as page:
        del page.document.ycells[1]
        await page.sent()
        status = await runs.finish(run_id)
    assert [c["state"] for c in status["cells"]] == ["ok", "aborted", "ok"]
    assert status["cells"][1]["reason"] == "The cell was deleted before its turn."


async def test_the_text_typed_just_before_the_request_is_what_runs(notebook):
    runs = await notebook("")
    async with RoomClient(runs.server, runs.path) as page:
        # The request overtakes the typing, as it may: it travels on another connection.
        edits = {"client_id": page.doc.client_id, "clock": len("print('typed')")}
        request = asyncio.create_task(runs.begin("c0", edits=edits))
        await runs.server.request("GET", "api")
        assert not request.done()
        page.append_text("print('typed')")
        await runs.finish(await request)
        await page.until(lambda: len(page.document.ycells[0]["outputs"]) == 1)
        assert str(page.document.ycells[0]["outputs"][0]["text"]) == "typed\n"


async def test_a_request_whose_text_does_not_arrive_is_refused(notebook):
    runs = await notebook("1")
    response = await runs.post("c0", edits={"client_id": 5, "clock": 10})
    assert response.status_code == 409
    assert "have not reached the server" in response.json()["message"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cells": []}, "cells must be a list"),
        ({"cells": "c0"}, "cells must be a list"),
        ({"cells": ["c0"]}, "Each of the cells"),
        ({"cells": [{"cell_id": 7}]}, "cell_id must be a text"),
        ({"kernel_id": None}, "kernel_id must be a text"),
        ({"stop_on_error": "yes"}, "stop_on_error must be true or false"),
        ({"edits": {"client_id": "x", "clock": 1}}, "edits must be null or"),
        ({"edits": {"client_id": 1, "clock": -1}}, "edits must be null or"),
        ({"edits": [1, 2]}, "edits must be null or"),
    ],
)
async def test_a_bad_request_says_what_is_wrong(server, changes, message):
    runs = NotebookRuns(server, "x.ipynb", room_id="json:notebook:x", kernel_id="k")
    response = await runs.post("c0", **changes)
    assert response.status_code == 400
    assert message in response.json()["message"]


async def test_a_body_that_is_no_object_is_refused(server):
    for body in ("[]", "{", "7"):
        response = await server.request("POST", "cocalc/api/notebooks/x/run", content=body)
        assert response.status_code == 400


async def test_what_does_not_exist_is_not_found(notebook):
    runs = await notebook("1")
    unknown_cell = await runs.post("nope")
    assert unknown_cell.status_code == 404
    assert "no code cell with the id nope" in unknown_cell.json()["message"]
    unknown_kernel = await runs.post("c0", kernel_id="0" * 8)
    assert unknown_kernel.status_code == 404
    assert "Start a kernel" in unknown_kernel.json()["message"]
    for room_id in ("json:notebook:unknown", "nonsense", "text:file:unknown"):
        runs.room_id = room_id
        assert (await runs.post("c0")).status_code == 404


async def test_a_markdown_cell_cannot_be_run(server):
    path = server.work / "markdown.ipynb"
    write_notebook(path, "1")
    content = json.loads(path.read_text())
    content["cells"].append(
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "# Title"}
    )
    path.write_text(json.dumps(content))
    runs = NotebookRuns(server, "markdown.ipynb")
    await runs.open_room()
    await runs.start_kernel()
    assert (await runs.post("m")).status_code == 404


async def test_unknown_runs_are_not_found(server):
    for method, path in (("GET", "cocalc/api/runs/x"), ("POST", "cocalc/api/runs/x/input")):
        response = await server.request(method, path, content='{"input_id": "a", "value": "b"}')
        assert response.status_code == 404
        assert "not known" in response.json()["message"]


async def test_more_cells_than_may_wait_are_refused_and_nothing_is_queued(notebook):
    runs = await notebook("1")
    response = await runs.post(*["c0"] * 10_001)
    assert response.status_code == 429
    assert "More than 10000 cells" in response.json()["message"]
    assert (await runs.cell("c0"))["execution_state"] == "idle"


async def test_a_notebook_that_wants_a_kernel_which_is_not_installed_gets_a_clear_message(server):
    model = {"path": "a.ipynb", "type": "notebook", "name": "", "kernel": {"name": "fortran-77"}}
    response = await server.request("POST", "api/sessions", content=json.dumps(model))
    assert response.status_code == 501
    assert "The 'fortran-77' kernel is not available" in response.json()["message"]


async def test_a_server_ends_although_a_kernel_could_not_be_started(tmp_path):
    with JupyterServer(tmp_path) as server:
        await server.request("POST", "api/kernels", content='{"name": "fortran-77"}')
    assert "Kernel does not exist" not in server.log


async def test_a_stranger_is_refused(server):
    for method, path in ROUTES:
        response = await server.request(method, path, headers={"Authorization": "token wrong"})
        assert response.status_code == 403


async def test_a_user_without_the_right_to_execute_is_refused(tmp_path):
    config = """
from jupyter_server.auth import Authorizer
class ReadOnly(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return not (action == "execute" and resource == "kernels")
c.ServerApp.authorizer_class = ReadOnly
"""
    with JupyterServer(tmp_path, config=config) as server:
        for method, path in ROUTES:
            response = await server.request(method, path, content="{}")
            assert response.status_code == 403
            assert "may not run code" in response.json()["message"]


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_cells_that_ran_when_the_server_ended_end_visibly(tmp_path, how):
    server = JupyterServer(tmp_path, config=CONFIG)
    server.start()
    try:
        runs = await NotebookRuns.start(
            server, "n.ipynb", "print('x', flush=True)\nimport time; time.sleep(60)", "1"
        )
        run_id = await runs.begin("c0", "c1")
        async with RoomClient(server, "n.ipynb") as page:
            await page.until(lambda: len(page.document.ycells[0]["outputs"]) == 1)
        getattr(server, how)()
        server.start()
        for cell_id in ("c0", "c1"):
            cell = await runs.cell(cell_id)
            assert cell["execution_state"] == "idle"
            assert runs.errors(cell)[-1] == "ServerRestarted"
        assert runs.text(await runs.cell("c0")) == "x\n"
        assert (await server.request("GET", f"cocalc/api/runs/{run_id}")).status_code == 404
        await runs.start_kernel()
        assert await runs.run("c1") == ["ok"]
    finally:
        server.stop()
