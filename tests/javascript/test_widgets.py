"""A JavaScript client and a page of JupyterLab use the widgets of one kernel.

The JavaScript was written from the contract alone (syncdoc-jupyter §8, §4.9); the page is a kernel
websocket with what JupyterLab's widget manager sends and keeps.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..support.cocalc_clients import project_id_of
from ..support.javascript import run_checks
from ..support.lab_widgets import LabWidgets
from ..support.notebook_runs import NotebookRuns
from ..support.room_client import RoomClient
from ..support.servers import TOKEN, JupyterServer

CHECKS = 6

WIDGETS = """
import ipywidgets as w
slider, seen = w.IntSlider(value=7), []
slider.observe(lambda change: seen.append(change["new"]), "value")
out, button = w.Output(), w.Button()

@button.on_click
def _(_button):
    with out:
        print("clicked")
    button.send({"heard": True})

w.VBox([slider, w.Image(value=b"a picture"), out, button])
"""


async def test_javascript_and_a_page_move_one_slider(tmp_path: Path) -> None:
    with JupyterServer(tmp_path) as server:
        runs = await NotebookRuns.start(server, "widgets.ipynb", WIDGETS, "print(seen)")
        project_id = project_id_of(server)
        async with (
            RoomClient(server, "widgets.ipynb"),
            LabWidgets(server, runs.kernel_id, "page") as page,
        ):

            async def sees(asked: Mapping[str, Any]) -> None:
                model = asked["model"]
                await page.until(lambda: page.models[model]["value"] == asked["value"])

            async def moves(asked: Mapping[str, Any]) -> None:
                await page.update(asked["model"], value=asked["value"])

            async def restarts(_: Mapping[str, Any]) -> None:
                await runs.kernel_action("restart")

            answers = {"sees": sees, "moves": moves, "restarts": restarts}
            report = await run_checks("widgets", server.url, project_id, TOKEN, answers=answers)

    assert report["failed"] == []
    assert len(report["passed"]) == CHECKS
