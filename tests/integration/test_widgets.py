"""Widgets of real kernels, with pages of JupyterLab and CoCalc clients (syncdoc-jupyter §8)."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from cocalc_jupyter_ext.conat.errors import RemoteError

from ..support.cocalc_clients import client_of, project_id_of
from ..support.cocalc_widgets import CoCalcWidgets, cocalc_widgets
from ..support.lab_widgets import LabWidgets
from ..support.notebook_runs import NotebookRuns
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer

SLIDER = """
import ipywidgets as w
slider = w.IntSlider(value=7, description="shared")
seen = []
slider.observe(lambda change: seen.append(change["new"]), "value")
slider
"""
SEEN = "print(seen)"
STATE_MIME = "application/vnd.jupyter.widget-state+json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with JupyterServer(tmp_path_factory.mktemp("widgets")) as server:
        yield server


@asynccontextmanager
async def notebook(server: JupyterServer, name: str, *sources: str) -> AsyncIterator[NotebookRuns]:
    """Open a notebook with a kernel of its own."""
    runs = await NotebookRuns.start(server, f"{name}.ipynb", *sources)
    try:
        yield runs
    finally:
        await server.request("DELETE", f"api/kernels/{runs.kernel_id}")


@asynccontextmanager
async def cocalc(runs: NotebookRuns) -> AsyncIterator[CoCalcWidgets]:
    """Join as a CoCalc client who has the notebook open, as a page of JupyterLab has."""
    server = runs.server
    async with (
        RoomClient(server, runs.path),
        client_of(server) as client,
        cocalc_widgets(client, project_id_of(server), runs.path) as table,
    ):
        yield table


def lab(runs: NotebookRuns, session_id: str = "lab") -> LabWidgets:
    return LabWidgets(runs.server, runs.kernel_id, session_id)


async def test_a_page_that_comes_while_a_cell_runs_gets_all_widgets_at_once(
    server: JupyterServer,
) -> None:
    sleep = "import time; time.sleep(60)"
    async with notebook(server, "late", SLIDER, sleep) as runs:
        await runs.run("c0")
        running = await runs.begin("c1")
        await runs.until_running(running)
        async with lab(runs) as page:
            await page.restore()
            (slider,) = page.named("IntSliderModel")
            assert page.models[slider]["value"] == 7
            assert set(page.named("LayoutModel"))

            asked = await page.send("comm_info_request", {"target_name": "jupyter.widget"})
            await page.until_idle(asked)
            (reply,) = [m for m in page.messages if m["header"]["msg_type"] == "comm_info_reply"]
            assert reply["content"]["comms"].keys() == page.models.keys()
            assert reply["parent_header"]["msg_id"] == asked
            states = [m for m in page.messages if m["header"]["msg_type"] == "status"]
            assert states[-1]["content"]["execution_state"] == "busy"  # as the kernel is
            # Of another session JupyterLab takes it that the kernel was restarted, and drops all
            # earlier messages that it has not handled yet.
            assert len({message["header"]["session"] for message in page.messages}) == 1


async def test_a_slider_moved_in_one_page_moves_in_all_and_in_the_table_once(
    server: JupyterServer,
) -> None:
    async with (
        notebook(server, "moved", SLIDER, SEEN) as runs,
        cocalc(runs) as table,
        lab(runs, "one") as one,
        lab(runs, "two") as two,
    ):
        await runs.run("c0")
        await table.until(lambda: table.named("IntSliderModel"))
        (slider,) = table.named("IntSliderModel")
        await one.until(lambda: slider in one.models)

        await one.until_idle(await one.update(slider, value=31))
        await two.until(lambda: two.models[slider]["value"] == 31)
        await table.until(lambda: table.models()[slider]["value"] == 31)
        await runs.run("c1")

        assert len(two.about(slider, "echo_update")) == 1
        assert table.data(slider, "value") == {"value": 31, "last_changed": 1}
        assert runs.text(await runs.cell("c1")) == "[31]\n"


async def test_a_slider_moved_by_a_cocalc_client_moves_in_the_kernel_and_in_all_pages_once(
    server: JupyterServer,
) -> None:
    """syncdoc-jupyter §8.3: one comm_msg for one change, and no echo into the table."""
    async with (
        notebook(server, "cocalc", SLIDER, SEEN, "slider.value = 1000") as runs,
        cocalc(runs) as table,
        lab(runs) as page,
    ):
        await runs.run("c0")
        await table.until(lambda: table.named("IntSliderModel"))
        (slider,) = table.named("IntSliderModel")

        await table.write(slider, value=55)
        await page.until(lambda: page.models.get(slider, {}).get("value") == 55)
        await runs.run("c1")
        assert runs.text(await runs.cell("c1")) == "[55]\n"
        assert len(page.about(slider, "echo_update")) == 1
        assert table.data(slider, "value") == {"value": 55, "last_changed": 1}

        await runs.run("c2")  # more than the slider allows: the kernel decides
        await table.until(lambda: table.data(slider, "value").get("value") == 100)
        assert table.data(slider, "value")["last_changed"] == 2
        await runs.run("c1")
        assert runs.text(await runs.cell("c1")) == "[55, 100]\n"


OUTPUT = """
import ipywidgets as w
from IPython.display import clear_output, display
out = w.Output()
button = w.Button(description="press")

@button.on_click
def _(_button):
    with out:
        print("clicked")

display(out, button)
print("in the cell")
with out:
    print("in the widget")
    display({"text/plain": "shown"}, raw=True)
"""
CLEARED = """
with out:
    clear_output(wait=True)
    print("new")
"""


async def test_what_an_output_widget_captures_is_in_the_widget_once_and_not_in_the_cell(
    server: JupyterServer,
) -> None:
    """syncdoc-jupyter §8.4; also for what a click prints, and with nobody else's help."""
    read = "print([output.get('text') for output in out.outputs])"
    async with (
        notebook(server, "output", OUTPUT, CLEARED, read) as runs,
        cocalc(runs) as table,
        lab(runs, "one") as one,
        lab(runs, "two") as two,
    ):
        await runs.run("c0")
        cell = await runs.cell("c0")
        assert runs.text(cell) == "in the cell\n"
        assert len(cell["outputs"]) == 3

        await table.until(lambda: table.named("OutputModel"))
        (out,) = table.named("OutputModel")
        await table.until(lambda: len(table.models()[out].get("outputs", ())) == 2)
        first, second = table.models()[out]["outputs"]
        assert first == {"name": "stdout", "text": "in the widget\n"}
        assert second["data"] == {"text/plain": "shown"}
        assert "output_type" not in second

        (button,) = two.named("ButtonModel")
        await two.until_idle(await two.click(button))
        for page in (one, two):
            await page.until(lambda page=page: len(page.models[out]["outputs"]) == 3)
            assert page.models[out]["outputs"][2]["text"] == "clicked\n"
            assert not page.kinds() & {"stream", "display_data", "clear_output"}

        await runs.run("c1")
        await table.until(lambda: len(table.models()[out]["outputs"]) == 1)
        assert table.models()[out]["outputs"] == [{"name": "stdout", "text": "new\n"}]
        assert (await runs.cell("c1"))["outputs"] == []
        async with asyncio.timeout(60):
            in_python = ""  # which is told a moment later
            while in_python != "['new\\n']\n":
                await runs.run("c2")
                in_python = runs.text(await runs.cell("c2"))


BINARY = """
import ipywidgets as w
picture = w.Image(value=b"a picture", format="png")
upload = w.FileUpload()
got = []
upload.observe(lambda change: got.append(bytes(change["new"][0].content)), "value")
w.VBox([picture, upload])
"""


async def test_binary_parts_go_by_hash_to_cocalc_clients_and_come_from_them(
    server: JupyterServer,
) -> None:
    """syncdoc-jupyter §8.1 (buffers), §4.9 (comm, ipywidgetsGetBuffer)."""
    change = "picture.value = b'another picture'"
    async with (
        notebook(server, "binary", BINARY, change, "print(got)") as runs,
        cocalc(runs) as table,
        lab(runs) as page,
    ):
        await runs.run("c0")
        await table.until(lambda: table.named("ImageModel") and table.named("FileUploadModel"))
        (picture,), (upload,) = table.named("ImageModel"), table.named("FileUploadModel")
        hashed = hashlib.sha1(b"a picture").hexdigest()
        assert table.data(picture, "buffers") == {'["value"]': hashed}
        assert "value" not in table.models()[picture]
        assert await table.buffer(picture, '["value"]') == b"a picture"

        await runs.run("c1")
        hashed = hashlib.sha1(b"another picture").hexdigest()
        await table.until(lambda: table.data(picture, "buffers") == {'["value"]': hashed})
        assert await table.buffer(picture, '["value"]') == b"another picture"
        await page.restore()
        assert page.models[picture]["value"] == b"another picture"

        file = {"name": "a.txt", "type": "text/plain", "size": 5, "last_modified": 0}
        state = {"value": [file]}
        paths = [["value", 0, "content"]]
        data = {"method": "update", "state": state, "buffer_paths": paths}
        content = base64.b64encode(b"hello").decode()
        sent = {"comm_id": upload, "target_name": "jupyter.widget", "msg_id": "m", "data": data}
        assert await table.call("comm", {**sent, "buffers64": [content]}) is None
        await runs.run("c2")
        assert runs.text(await runs.cell("c2")) == "[b'hello']\n"
        path = '["value",0,"content"]'
        await table.until(lambda: path in (table.data(upload, "buffers") or {}))
        assert await table.buffer(upload, path) == b"hello"


CUSTOM = """
import ipywidgets as w
button = w.Button()
heard = []
button.on_msg(lambda _, content, buffers: heard.append((content, [bytes(b) for b in buffers])))
button
"""


async def test_custom_messages_go_both_ways(server: JupyterServer) -> None:
    """syncdoc-jupyter §8.2 (6), §8.3."""
    send = "button.send({'do': 'jump'}, buffers=[b'bytes'])"
    async with (
        notebook(server, "custom", CUSTOM, send, "print(heard)") as runs,
        cocalc(runs) as table,
        lab(runs) as page,
    ):
        await runs.run("c0")
        await table.until(lambda: table.named("ButtonModel"))
        (button,) = table.named("ButtonModel")
        data = {"method": "custom", "content": {"event": "click"}}
        sent = {"comm_id": button, "data": data, "buffers64": ["eA=="]}
        await table.call("comm", sent)
        await runs.run("c1", "c2")
        assert runs.text(await runs.cell("c2")) == "[({'event': 'click'}, [b'x'])]\n"

        name = hashlib.sha1(b"bytes").hexdigest()
        await table.until(lambda: table.data(button, "message"))
        message = table.data(button, "message")
        assert message["message"] == {"do": "jump"}
        assert message["buffer_hashes"] == [name]
        assert message["time"] > 1_600_000_000_000
        assert table.data(button, "buffers")[name] == name
        assert await table.buffer(button, name) == b"bytes"
        await page.until(lambda: page.about(button, "custom"))
        assert page.about(button, "custom")[0]["buffers"] == [b"bytes"]


async def test_a_loop_of_updates_reaches_everybody_with_its_last_value(
    server: JupyterServer,
) -> None:
    loop = "for n in range(20_000):\n    slider.value = n % 100"
    async with (
        notebook(server, "loop", SLIDER, loop) as runs,
        cocalc(runs) as table,
        lab(runs) as page,
    ):
        await runs.run("c0", "c1")
        (slider,) = page.named("IntSliderModel")
        await page.until(lambda: page.models[slider]["value"] == 99)
        await table.until(lambda: table.models()[slider]["value"] == 99)
        assert len(page.about(slider)) < 2_000


async def test_a_restart_takes_all_widgets_away_and_new_ones_work(server: JupyterServer) -> None:
    """syncdoc-jupyter §8.5: all records are null, binary parts are gone."""
    async with (
        notebook(server, "restarted", SLIDER) as runs,
        cocalc(runs) as table,
        lab(runs) as page,
    ):
        await runs.run("c0")
        await table.until(lambda: table.named("IntSliderModel"))
        old = set(table.models())
        await runs.kernel_action("restart")
        await table.until(lambda: not table.models())
        assert all(record["data"] is None for record in table.records.get_all().values())

        await runs.run("c0")
        await table.until(lambda: table.named("IntSliderModel"))
        assert not old & set(table.models())
        (slider,) = table.named("IntSliderModel")
        await page.until(lambda: slider in page.models)
        async with lab(runs, "new") as other:
            await other.restore()
            assert set(other.models) == set(table.models())


LINKED = """
import ipywidgets as w
s, t = w.IntSlider(description="s"), w.IntSlider(description="t")
link = w.jslink((s, "value"), (t, "value"))
w.VBox([s, t])
"""


async def test_late_copies_of_linked_fields_take_nothing_back(server: JupyterServer) -> None:
    """Two pages that copy each other's values would chase each other for ever (design D8)."""
    async with (
        notebook(server, "linked", LINKED, "print(s.value, t.value)") as runs,
        cocalc(runs) as table,
        lab(runs, "late") as late,
        lab(runs, "moving") as moving,
    ):
        await runs.run("c0")
        await late.until(lambda: late.named("LinkModel"))
        sliders = {late.models[key]["description"]: key for key in late.named("IntSliderModel")}
        await table.until(lambda: set(table.named("IntSliderModel")) == set(sliders.values()))
        for value in (5, 6):
            await moving.until_idle(await moving.update(sliders["s"], value=value))
        await late.until(lambda: late.models[sliders["s"]]["value"] == 6)
        await table.until(lambda: table.models()[sliders["s"]]["value"] == 6)

        for value in (5, 6):  # what the page still has to say to what it was told
            await late.until_idle(await late.update(sliders["t"], value=value))
        assert [m["content"]["data"]["state"] for m in late.about(sliders["t"], "echo_update")] == [
            {"value": 5},  # the echo that the page waits for
            {"value": 6},  # what holds
            {"value": 6},
        ]
        await moving.until(lambda: moving.models[sliders["t"]]["value"] == 6)
        await table.write(sliders["t"], value=5)
        await table.until(lambda: table.data(sliders["t"], "value")["value"] == 6)
        await runs.run("c1")

        assert runs.text(await runs.cell("c1")) == "6 6\n"
        echoes = moving.about(sliders["t"], "echo_update")
        assert [m["content"]["data"]["state"] for m in echoes] == [{"value": 6}]


async def test_a_page_that_names_a_subshell_of_before_a_restart_harms_nobody(
    server: JupyterServer,
) -> None:
    """ipykernel would drop what anybody says to a widget whose last message named none it has."""
    async with (
        notebook(server, "subshell", SLIDER, SEEN) as runs,
        cocalc(runs) as table,
        lab(runs, "stale") as stale,
    ):
        await runs.run("c0")
        await table.until(lambda: table.named("IntSliderModel"))
        (slider,) = table.named("IntSliderModel")
        stale.subshell_id = "gone"
        for value in (31, 32):
            await stale.until_idle(await stale.update(slider, value=value))
        await table.write(slider, value=33)
        await stale.until(lambda: stale.models[slider]["value"] == 33)
        await runs.run("c1")
        assert runs.text(await runs.cell("c1")) == "[31, 32, 33]\n"


async def test_a_page_that_was_away_is_told_which_widgets_were_made_and_closed(
    server: JupyterServer,
) -> None:
    more = "slider.close()\nother = w.FloatSlider()"
    async with notebook(server, "away", SLIDER, more) as runs:
        await runs.run("c0")
        async with lab(runs, "same") as page:
            await page.restore()
            (slider,) = page.named("IntSliderModel")
        await runs.run("c1")
        async with lab(runs, "same") as page:
            await page.until(lambda: page.named("FloatSliderModel"))
            closed = [m for m in page.about(slider) if m["header"]["msg_type"] == "comm_close"]
            assert len(closed) == 1


async def test_the_file_shows_the_widgets_elsewhere_and_after_the_kernel_has_gone(
    server: JupyterServer,
) -> None:
    async with (
        notebook(server, "saved", SLIDER, "unseen = w.Text()") as runs,
        RoomClient(server, runs.path),
        lab(runs) as page,
    ):
        await runs.run("c0", "c1")
        (slider,) = page.named("IntSliderModel")
        await page.until_idle(await page.update(slider, value=64))
        await runs.shut_kernel_down()
        saved = await runs.until_saved(
            lambda found: "64" in json.dumps(found.metadata.get("widgets", {}))
        )
        state = saved.metadata["widgets"][STATE_MIME]["state"]
        assert state[slider]["state"]["value"] == 64
        assert {each["model_name"] for each in state.values()} == {
            "IntSliderModel", "LayoutModel", "SliderStyleModel"
        }  # fmt: skip
        html, _ = HTMLExporter().from_notebook_node(saved)
        assert STATE_MIME in html
        async with RoomClient(server, runs.path) as new_page:
            metadata = new_page.document.source["metadata"]
        assert metadata["widgets"][STATE_MIME]["state"][slider]["state"]["value"] == 64


async def test_nonsense_from_browsers_is_answered_and_harms_nobody(server: JupyterServer) -> None:
    async with (
        notebook(server, "nonsense", SLIDER, SEEN) as runs,
        cocalc(runs) as table,
        lab(runs, "bad") as bad,
        lab(runs, "good") as good,
    ):
        await runs.run("c0")
        await table.until(lambda: table.named("IntSliderModel"))
        (slider,) = table.named("IntSliderModel")

        data: dict[str, Any] = {"method": "update", "state": {"value": 1}}
        for options, text in [
            ({"comm_id": "none", "data": data}, 'no widget "none"'),
            ({"comm_id": slider, "data": 5}, "its data is not an object"),
            ({"comm_id": slider, "data": data, "buffers64": ["?"]}, "not valid base64"),
            ({"comm_id": slider, "data": data, "msg_id": 5}, "msg_id"),
            ({}, "comm_id"),
        ]:
            with pytest.raises(RemoteError, match=text):
                await table.call("comm", options)
        with pytest.raises(RemoteError, match="no binary data"):
            await table.buffer(slider, '["value"]')
        with pytest.raises(RemoteError, match="no widget"):
            await table.buffer("none", '["value"]')

        table.put(slider, "no map")
        table.put("none", {"value": 3})
        table.records.set("no key", 5)
        table.put(slider, {"value": "x" * 11_000_000})
        await table.until(lambda: table.data(slider, "value") != "no map")
        await table.until(lambda: len(json.dumps(table.data(slider, "value"))) < 100)
        await bad.update("none", value=1)
        await bad.until_idle(await bad.update(slider, value={"no": "number"}))
        await good.until(lambda: good.models[slider]["value"] == 7)
        await bad.send("comm_msg", {"comm_id": 5, "data": []})
        await bad.send("comm_open", {"comm_id": "c", "target_name": "jupyter.widget"})
        assert bad._socket is not None
        await bad._socket.send('"comm_ no message')
        await bad._socket.send(b'\xff\xff\xff\xff"comm_')

        await table.write(slider, value=12)
        await good.until(lambda: good.models[slider]["value"] == 12)
        await bad.until(lambda: bad.models[slider]["value"] == 12)
        await good.until_idle(await good.update(slider, value=13))
        await runs.run("c1")
        assert runs.text(await runs.cell("c1")) == "[12, 13]\n"
        await table.until(lambda: table.data(slider, "value")["value"] == 13)


def test_the_state_format_is_that_of_nbformat(server: JupyterServer) -> None:
    saved = nbformat.read(server.work / "saved.ipynb", as_version=4)
    nbformat.validate(saved)
    assert saved.metadata["widgets"][STATE_MIME]["version_major"] == 2
