"""Scripts work on notebooks of a real server while a page looks on (syncdoc-jupyter §4, §15)."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import nbformat
import pytest

from cocalc_jupyter_ext.conat.errors import RemoteError
from cocalc_jupyter_ext.documents.notebook_actions import Notebook, open_notebook
from cocalc_jupyter_ext.documents.notebook_actions.errors import NoQuestionError

from ..support.cocalc_clients import client_of, project_id_of
from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from ..support.waiting import until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("server"))
    server.work.mkdir()
    with server:
        yield server


@asynccontextmanager
async def script(server: JupyterServer, path: str, *sources: str) -> AsyncIterator[Notebook]:
    write_notebook(server.work / path, *sources)
    async with (
        client_of(server) as client,
        open_notebook(client, project_id=project_id_of(server), path=path) as notebook,
    ):
        notebook.set_kernel("python3")
        yield notebook


def on_page(page: RoomClient) -> list[tuple[str, str]]:
    """The texts of the cells, and what they have printed."""
    cells = [cell.to_py() for cell in page.document.ycells]
    return [
        (cell["source"], "".join(output.get("text", "") for output in cell.get("outputs", [])))
        for cell in cells
    ]


async def test_a_script_edits_and_runs_a_notebook_and_a_page_sees_it(
    server: JupyterServer,
) -> None:
    async with (
        script(server, "a.ipynb", "x = 6", "") as notebook,
        RoomClient(server, "a.ipynb") as page,
    ):
        first, blank = notebook.model.cell_list
        new = notebook.insert_cell_below(first, "print(x * 7)")
        notebook.delete_cell(blank)
        notebook.split_cell(new, 6)
        notebook.merge_with_previous(new)
        notebook.undo()
        notebook.undo()

        assert await notebook.run_all() == (first, new)
        await notebook.wait_until_done(timeout_s=60)

        assert notebook.model.outputs(new) == [{"name": "stdout", "text": "42\n"}]
        cell = notebook.model.cells[new]
        assert (cell["state"], cell["exec_count"], cell["kernel"]) == ("done", 2, "python3")
        assert cell["start"] <= cell["end"]
        assert notebook.model.trust
        await notebook.model.until(
            lambda model: (model.backend_state, model.run_progress) == ("running", 100),
            timeout_s=60,
        )
        await page.until(lambda: on_page(page) == [("x = 6", ""), ("print(x * 7)", "42\n")])

        page.append_text(" + 1")
        await notebook.model.until(
            lambda model: model.cells[first]["input"] == "x = 6 + 1", timeout_s=20
        )
        await notebook.save_file()
        saved = nbformat.read(server.work / "a.ipynb", as_version=4)
        assert [cell.source for cell in saved.cells] == ["x = 6 + 1", "print(x * 7)"]
        assert not notebook.model.has_uncommitted_changes


async def test_the_first_error_ends_the_queue_unless_the_script_wants_to_go_on(
    server: JupyterServer,
) -> None:
    async with script(server, "b.ipynb", "1 / 0", "print('after')") as notebook:
        bad, after = notebook.model.cell_list

        await notebook.run_all()
        await notebook.wait_until_done(timeout_s=60)
        assert notebook.model.outputs(bad)[0]["ename"] == "ZeroDivisionError"
        assert notebook.model.outputs(after) == []

        await notebook.run_all(no_halt=True)
        await notebook.wait_until_done(timeout_s=60)
        assert notebook.model.outputs(after) == [{"name": "stdout", "text": "after\n"}]


async def test_a_script_asks_the_kernel_interrupts_it_and_starts_it_anew(
    server: JupyterServer,
) -> None:
    async with script(
        server, "c.ipynb", "x = 1", "import time; print('go'); time.sleep(60)"
    ) as notebook:
        one, long = notebook.model.cell_list
        info = await notebook.load_kernel_info()
        assert notebook.model.kernel_info == info
        assert info["language_info"]["name"] == "python"
        assert notebook.model.start_time
        assert "print" in (await notebook.complete("pri"))["matches"]
        assert (await notebook.inspect("print"))["found"]

        await notebook.run_all()
        await notebook.model.until(lambda model: bool(model.outputs(long)), timeout_s=60)
        await notebook.interrupt()
        await notebook.wait_until_done(timeout_s=60)
        assert notebook.model.outputs(long)[-1]["ename"] == "KeyboardInterrupt"

        await notebook.restart()
        notebook.set_cell_input(one, "print('x' in globals())")
        await notebook.run_cell(one)
        await notebook.wait_until_done(one, timeout_s=60)
        assert notebook.model.outputs(one) == [{"name": "stdout", "text": "False\n"}]


async def test_a_script_answers_what_cells_ask_and_no_password_gets_into_the_notebook(
    server: JupyterServer,
) -> None:
    code = "name = input('Who? ')\nfrom getpass import getpass\nprint(name, getpass() == 'hunter2')"
    async with script(server, "e.ipynb", code) as notebook:
        (cell,) = notebook.model.cell_list
        await notebook.run_cell(cell)

        await notebook.model.until(lambda model: len(model.outputs(cell)) == 1, timeout_s=60)
        await notebook.answer(cell, "Ann")
        await notebook.model.until(lambda model: len(model.outputs(cell)) == 2, timeout_s=60)
        await notebook.answer(cell, "hunter2")
        await notebook.wait_until_done(cell, timeout_s=60)

        assert notebook.model.outputs(cell)[-1] == {"name": "stdout", "text": "Ann True\n"}
        await notebook.save_file()
        texts = [notebook.document.text, (server.work / "e.ipynb").read_text()]
        assert not any("hunter2" in text.replace(repr("hunter2"), "") for text in texts)
        with pytest.raises(NoQuestionError):
            await notebook.answer(cell, "again")


async def test_a_script_learns_which_kernels_there_are_and_what_its_own_one_uses(
    server: JupyterServer,
) -> None:
    async with script(server, "f.ipynb", "1") as notebook:
        (cell,) = notebook.model.cell_list
        await notebook.load_kernels()
        assert "python3" in notebook.model.kernels_by_name
        assert "python3" in notebook.model.kernels_by_language["python"]
        await notebook.run_cell(cell)
        await notebook.wait_until_done(cell, timeout_s=60)

        usage = await notebook.load_kernel_usage()

        assert usage is not None
        assert usage["mem"] > 1
        assert notebook.model.kernel_usage == usage


async def test_a_script_attaches_a_file_of_the_project(server: JupyterServer) -> None:
    async with script(server, "i.ipynb", "![](attachment:dot.png)") as notebook:
        (cell,) = notebook.model.cell_list
        (server.work / "dot.png").write_bytes(b"\x89PNG dot")
        notebook.set_cell_type(cell, "markdown")

        assert notebook.attach_file(cell, "dot.png") == "attachment:dot.png"
        await notebook.model.until(
            lambda model: model.cells[cell]["attachments"]["dot.png"]["type"] == "sha1",
            timeout_s=60,
        )

        await notebook.save_file()
        saved = nbformat.read(server.work / "i.ipynb", as_version=4)
        assert saved.cells[0].attachments == {"dot.png": {"image/png": "iVBORyBkb3Q="}}


async def test_a_script_gets_the_pictures_and_the_outputs_that_records_only_name(
    server: JupyterServer,
) -> None:
    """syncdoc-jupyter §4.6, §4.7, §7.2."""
    code = (
        "from IPython.display import HTML, display\n"
        "display({'image/png': 'iVBORyBkb3Q='}, raw=True)\n"
        "display(HTML('<b>bold</b>'))\n"
        "print('x' * 300_000 + ' the end')"
    )
    async with script(server, "j.ipynb", code) as notebook:
        (cell,) = notebook.model.cell_list
        await notebook.run_cell(cell)
        await notebook.wait_until_done(cell, timeout_s=60)
        await notebook.model.until(
            lambda model: model.outputs(cell)[-1] == {"more_output": True}, timeout_s=20
        )
        picture, html = notebook.model.outputs(cell)[:2]
        ids = [picture["data"]["image/png"], html["data"]["iframe"]]

        assert (await notebook.more_output(cell))[-1]["text"].endswith(" the end\n")
        blobs = await notebook.load_blobs([*ids, "0" * 40])
        assert blobs == dict(zip(ids, [b"\x89PNG dot", b"<b>bold</b>"], strict=True))
        whole = nbformat.from_dict(await notebook.to_ipynb())  # type: ignore[no-untyped-call]

    nbformat.validate(whole)
    outputs = whole.cells[0].outputs
    assert outputs[0].data["image/png"].strip() == "iVBORyBkb3Q="
    assert outputs[1].data["text/html"] == "<b>bold</b>"
    assert "".join(output.get("text", "") for output in outputs) == "x" * 300_000 + " the end\n"


async def test_what_a_script_has_asked_for_runs_though_nobody_looks_on(
    server: JupyterServer,
) -> None:
    code = "import time; time.sleep(1); print('nobody' + ' saw this')"
    async with script(server, "h.ipynb", code) as notebook:
        await notebook.run_all()

    await until(lambda: "nobody saw this" in (server.work / "h.ipynb").read_text(), 60)


async def test_a_script_formats_and_converts_a_notebook(server: JupyterServer) -> None:
    magic = "%matplotlib  inline\na=[ 1 ]\n!ls  -l"
    async with script(server, "g.ipynb", "x=1", "y = 2", "z=3", magic) as notebook:
        one, _two, protected, _four = notebook.model.cell_list
        notebook.write_protect([protected])

        assert await notebook.format_cells()
        assert not await notebook.format_cells()
        texts = [cell["input"] for cell in notebook.model.cells.values()]
        assert texts == ["x = 1", "y = 2", "z=3", "%matplotlib  inline\na = [1]\n!ls  -l"]

        await notebook.convert(["--to", "markdown"], timeout_s=60)
        assert "x = 1" in (server.work / "g.md").read_text()
        with pytest.raises(RemoteError, match="no-such-format"):
            await notebook.convert(["--to", "no-such-format"], timeout_s=60)

        notebook.set_cell_input(one, "def (")
        with pytest.raises(RemoteError):
            await notebook.format_cells([one])


async def test_a_kernel_that_does_not_exist_is_told_and_nothing_waits_for_ever(
    server: JupyterServer,
) -> None:
    async with script(server, "d.ipynb", "1") as notebook:
        (cell,) = notebook.model.cell_list
        notebook.set_kernel("no-such-kernel")

        await notebook.run_cell(cell)
        await notebook.wait_until_done(cell, timeout_s=60)

        await notebook.model.until(lambda model: model.kernel_error != "", timeout_s=20)
        assert "no-such-kernel" in notebook.model.kernel_error
        with pytest.raises(RemoteError):
            await notebook.load_kernel_info()


async def test_only_notebooks_can_be_opened_as_such(server: JupyterServer) -> None:
    async with client_of(server) as client:
        with pytest.raises(ValueError, match="is not a notebook"):
            open_notebook(client, project_id=project_id_of(server), path="a.txt")
