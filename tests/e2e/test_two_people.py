"""Two people edit and run one real notebook, through the hub, in two browsers.

The tests of this module share a hub and a notebook and tell one story in the order in which
they stand: meet, run, leave while it runs, come back, survive a killed server.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.notebooks import GO_ON, LINES, SLOW_LINES, write_real_notebook
from tests.e2e.person import Person
from tests.e2e.pictures import side_by_side
from tests.support.hub import Hub

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

NOTEBOOK = "real.ipynb"
NOTES, PLOT, TABLE, SLIDER, MANY, SLOW, ERROR, HELD = range(1, 9)
OUTAGE_MS = 90_000


@pytest.fixture(scope="module")
def home(hub: Hub) -> Path:
    """Return the demo project's folder, with the notebook in it."""
    (project,) = (hub.data_dir / "projects").iterdir()
    write_real_notebook(project / NOTEBOOK)
    return project


@pytest.fixture(scope="module")
def people(
    browser: Browser, hub: Hub, home: Path, artifacts: Path
) -> Iterator[tuple[Person, Person]]:
    demo, guest = (Person(browser, hub.url, name, artifacts) for name in ("demo", "guest"))
    for person in (demo, guest):
        person.log_in()
        person.screenshot("1-projects")
        person.open_project("Demo project")
        person.open_file(NOTEBOOK)
        person.wait_for_kernel()
    yield demo, guest
    for person in (demo, guest):
        person.screenshot("9-last")
        person.close_browser()


def on_disk(home: Path) -> nbformat.NotebookNode:
    return nbformat.read(home / NOTEBOOK, as_version=4)


def text_of(cell: nbformat.NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def server_process(home: Path) -> int:
    """Return the process id of the project's Jupyter server."""
    mark = f"COCALC_PROJECT_ID={home.name}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            if b"singleuser" in command and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    assert len(found) == 1, found
    return found[0]


def test_both_see_each_other_type(people: tuple[Person, Person], artifacts: Path) -> None:
    demo, guest = people

    demo.edit(PLOT)
    demo.type("\n# typed by demo")
    guest.sees_text(PLOT, "# typed by demo")
    guest.edit(TABLE)
    guest.type("\n# typed by guest")
    demo.sees_text(TABLE, "# typed by guest")

    side_by_side(
        demo.screenshot("2-typing"), guest.screenshot("2-typing"), artifacts / "2-typing.png"
    )


def test_cursors_carry_names(people: tuple[Person, Person]) -> None:
    demo, guest = people

    guest.edit(TABLE)

    cursor = demo.page.locator(".jp-remote-userFlag-name")
    expect(cursor.first).to_contain_text("guest")
    demo.screenshot("3-cursor")


def test_outputs_of_one_run_appear_for_both(people: tuple[Person, Person], artifacts: Path) -> None:
    demo, guest = people

    for index in (PLOT, TABLE, SLIDER, MANY, ERROR):
        demo.run_cell(index)

    for person in (demo, guest):
        person.sees(PLOT, "img")
        person.sees(TABLE, "table")
        person.sees(SLIDER, ".widget-slider")
        person.sees_output(MANY, f"line {LINES - 1}")
        person.sees_output(ERROR, "ZeroDivisionError")
    demo.edit(PLOT)
    guest.edit(TABLE)
    expect(demo.page.locator(".jp-remote-userFlag-name").first).to_contain_text("guest")
    side_by_side(demo.screenshot("4-run"), guest.screenshot("4-run"), artifacts / "4-run.png")


def test_a_slider_moved_by_one_moves_for_the_other(people: tuple[Person, Person]) -> None:
    demo, guest = people

    handle = demo.sees(SLIDER, ".noUi-handle")
    handle.focus()
    for _ in range(7):
        demo.page.keyboard.press("ArrowRight")

    expect(guest.cell(SLIDER).locator(".widget-readout")).to_have_text("17")


def test_a_reload_while_a_cell_runs_keeps_the_widgets(
    people: tuple[Person, Person], home: Path
) -> None:
    demo, guest = people

    demo.run_cell(HELD)
    guest.sees_output(HELD, "held")
    for person in people:
        person.page.reload()
    for person in people:
        handle = person.sees(SLIDER, ".noUi-handle")
        expect(person.cell(SLIDER).locator(".widget-readout")).to_have_text("17")
        expect(person.cell(HELD).locator(".jp-InputPrompt")).to_contain_text("*")
        person.screenshot("5-reloaded")
    handle.focus()
    guest.page.keyboard.press("ArrowRight")

    (home / GO_ON).touch()
    expect(demo.cell(SLIDER).locator(".widget-readout")).to_have_text("18")


def test_the_file_on_disk_is_a_complete_valid_notebook(
    people: tuple[Person, Person], home: Path
) -> None:
    people[0].wait_until(lambda: f"line {LINES - 1}" in text_of(on_disk(home).cells[MANY]))

    notebook = on_disk(home)

    nbformat.validate(notebook)
    lines = text_of(notebook.cells[MANY]).splitlines()
    assert lines == [f"line {number}" for number in range(LINES)]
    assert [output.output_type for output in notebook.cells[ERROR].outputs] == ["error"]
    assert "image/png" in notebook.cells[PLOT].outputs[0].data
    assert len(notebook.cells[TABLE].outputs) == 1


def test_a_run_goes_on_with_every_browser_closed(people: tuple[Person, Person], home: Path) -> None:
    people[0].run_cell(SLOW)
    for person in people:
        person.sees_output(SLOW, "slow 2")
        person.close_browser()
    wait_for(lambda: f"slow {SLOW_LINES - 1}" in text_of(on_disk(home).cells[SLOW]))
    for person in people:
        person.reopen_browser()
        person.log_in()
        person.open_project("Demo project")
        person.open_file(NOTEBOOK)

    for person in people:
        person.sees_output(SLOW, f"slow {SLOW_LINES - 1}")
        person.sees(PLOT, "img")
        person.sees(TABLE, "table")
        expect(person.cell(SLOW).locator(".jp-InputPrompt")).not_to_contain_text("*")
        person.screenshot("5-back")
    lines = text_of(on_disk(home).cells[SLOW]).splitlines()
    assert lines == [f"slow {number}" for number in range(SLOW_LINES)]


def test_nothing_is_lost_when_the_server_is_killed_while_typing(
    people: tuple[Person, Person], hub: Hub, home: Path
) -> None:
    demo, guest = people
    text = "what both people saw before the server was killed"

    demo.edit(NOTES)
    demo.type(f"\n{text}")
    guest.sees_text(NOTES, text)
    demo.type(" and this")
    os.kill(server_process(home), signal.SIGKILL)
    demo.type(" and what was typed while it was away")
    for person in (demo, guest):
        outage = person.page.get_by_role("alert").filter(has_text="The server does not answer")
        expect(outage).to_be_visible(timeout=OUTAGE_MS)
    restart_project(hub)

    for person in (demo, guest):
        person.sees_text(NOTES, f"{text} and this and what was typed while it was away")
        person.screenshot("6-after-kill")
    demo.wait_until(lambda: "while it was away" in on_disk(home).cells[NOTES].source)
    notebook = on_disk(home)
    nbformat.validate(notebook)
    assert notebook.cells[NOTES].source.count(text) == 1
    assert [cell.id for cell in notebook.cells] == [
        "formulas", "notes", "plot", "table", "slider", "lines", "slow", "error", "held"
    ]  # fmt: skip


def test_after_the_restart_both_still_run_cells(people: tuple[Person, Person]) -> None:
    demo, guest = people

    guest.run_cell(TABLE)

    expect(demo.cell(TABLE).locator(".jp-InputPrompt")).to_contain_text("[1]")
    demo.sees(TABLE, "table")


def restart_project(hub: Hub) -> None:
    """Start the project again as a member does on the projects page."""
    with hub.login("demo") as client:
        (project,) = client.projects()
        project_id = project["project_id"]
        client.wait_for_state(project_id, "opened")
        client.api("POST", f"projects/{project_id}/start").raise_for_status()
        client.wait_for_state(project_id, "running")


def wait_for(condition: object, limit_s: float = 60) -> None:
    """Wait for something that no browser is there to see."""
    assert callable(condition)
    pause = threading.Event()
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "condition not met in time"
        pause.wait(0.2)
