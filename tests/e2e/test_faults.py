"""What people see when something goes wrong: a readable message each, and nothing lost.

The tests of this module share a hub and two people, the owner ``demo`` and the collaborator
``guest``, and stand in an order that leaves each the next one's starting point.
"""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.e2e.person import Person
from tests.support.hub import Hub

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

WORK, BROKEN, FOREIGN = "work.ipynb", "broken.ipynb", "foreign.ipynb"
NOT_JSON = b'{"cells": [ this is not a notebook'
NOTES, ENDLESS, QUESTION, SHORT = range(4)
ONLY = 0
# A dialog that went away again before anybody looked was one too many all the same.
RECORD_DIALOGS = """() => {
  window.dialogsSeen = [];
  new MutationObserver(changes => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        if (node.matches?.('.jp-Dialog')) {
          window.dialogsSeen.push(node.innerText);
        }
      }
    }
  }).observe(document.body, { childList: true });
}"""
SOON_MS = 10_000
STARTED_MS = 60_000
PROJECT = "Demo project"
SIZE: ViewportSize = {"width": 1280, "height": 900}


def write_notebook(path: Path, kernel: str, *cells: nbformat.NotebookNode) -> None:
    spec = {"display_name": kernel, "language": "python", "name": kernel}
    nbformat.write(new_notebook(cells=list(cells), metadata={"kernelspec": spec}), path)


@pytest.fixture(scope="module")
def home(hub: Hub) -> Path:
    """Return the demo project's folder, with the notebooks of the tests in it."""
    (project,) = (hub.data_dir / "projects").iterdir()
    write_notebook(
        project / WORK,
        "python3",
        new_markdown_cell("notes", id="notes"),
        new_code_cell("import time\ntime.sleep(600)", id="endless"),
        new_code_cell('name = input("Your name? ")\nprint("Hello", name)', id="question"),
        new_code_cell("print(6 * 7)", id="short"),
    )
    write_notebook(project / FOREIGN, "absent-kernel", new_code_cell("print(6 * 7)", id="only"))
    (project / BROKEN).write_bytes(NOT_JSON)
    return project


@pytest.fixture(scope="module")
def people(
    browser: Browser, hub: Hub, home: Path, artifacts: Path
) -> Iterator[tuple[Person, Person]]:
    demo, guest = (Person(browser, hub.url, name, artifacts) for name in ("demo", "guest"))
    for person in (demo, guest):
        person.page.set_viewport_size(SIZE)
        person.log_in()
        person.open_project(PROJECT)
        person.open_file(WORK)
        person.wait_for_kernel()
    yield demo, guest
    for person in (demo, guest):
        person.screenshot("faults-last")
        person.close_browser()


@pytest.fixture
def at_work(people: tuple[Person, Person]) -> tuple[Person, Person]:
    """Return the two people with the same notebook in front of them."""
    for person in people:
        tab(person, WORK).click()
    return people


@pytest.fixture(scope="module")
def projects_page(people: tuple[Person, Person], hub: Hub) -> Page:
    """Return the owner's projects page, beside the notebook in the same browser."""
    page = people[0].page.context.new_page()
    page.goto(f"{hub.url}/services/cocalc/")
    page.on("dialog", lambda dialog: dialog.accept())
    return page


def modal(person: Person) -> Locator:
    """Return the dialog that a person has to answer before anything else."""
    return person.page.locator(".jp-Dialog")


def accept(person: Person) -> None:
    modal(person).locator(".jp-mod-accept").click()


def told(person: Person, text: str) -> Locator:
    """Return a notification that contains ``text``."""
    return person.page.get_by_role("alert").filter(has_text=text)


def prompt(person: Person, index: int) -> Locator:
    return person.cell(index).locator(".jp-InputPrompt").first


def tab(person: Person, name: str) -> Locator:
    return person.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=name)


def open_from_list(person: Person, name: str) -> None:
    person.page.locator("#filebrowser .jp-DirListing-item", has_text=name).dblclick()


def open_foreign(person: Person) -> None:
    """Open the notebook with the unknown kernel, and choose none when asked for another."""
    open_from_list(person, FOREIGN)
    expect(modal(person)).to_contain_text("Select Kernel")
    expect(told(person, f"The kernel absent-kernel of {FOREIGN} is not installed")).to_be_visible()
    person.screenshot("faults-2-missing-kernel")
    modal(person).get_by_role("button", name="No Kernel").click()


def type_live(author: Person, readers: tuple[Person, ...], index: int, text: str) -> None:
    """Type at the end of a cell and expect that everybody sees it."""
    author.edit(index)
    author.type(text)
    for reader in readers:
        reader.sees_text(index, text.strip())


def expect_ended(people: tuple[Person, Person], index: int, count: str) -> None:
    """Expect for both that a cell is not running, with this text between its brackets."""
    for person in people:
        expect(prompt(person, index)).to_have_text(f"[{count}]:")


def test_a_file_that_is_no_notebook_is_explained_and_left_as_it_is(
    people: tuple[Person, Person], home: Path
) -> None:
    demo, guest = people

    demo.page.evaluate(RECORD_DIALOGS)
    open_from_list(demo, BROKEN)
    expect(modal(demo)).to_contain_text(f"{BROKEN}: not a notebook (not valid JSON)")
    demo.screenshot("faults-1-not-json")
    modal(demo).get_by_role("button", name="Close").click()
    expect(tab(demo, BROKEN)).to_have_count(0, timeout=STARTED_MS)
    expect(modal(demo)).to_have_count(0)
    type_live(demo, (guest,), NOTES, " after the broken file")
    assert len(demo.page.evaluate("window.dialogsSeen")) == 1
    assert (home / BROKEN).read_bytes() == NOT_JSON


def test_a_notebook_without_its_kernel_can_be_edited_and_given_another(
    people: tuple[Person, Person],
) -> None:
    demo, guest = people

    for person in people:
        open_foreign(person)
    type_live(guest, (demo,), ONLY, "  # edited without a kernel")
    guest.page.get_by_role("button", name="No Kernel", exact=True).click()
    guest.screenshot("faults-2-select-kernel")
    accept(guest)
    guest.wait_for_kernel()
    guest.run_cell(ONLY)

    for person in people:
        person.sees_output(ONLY, "42")
        expect(told(person, "absent-kernel")).to_have_count(0)
        person.screenshot("faults-2-other-kernel")


def test_an_interrupted_run_ends_for_both_and_the_next_one_works(
    at_work: tuple[Person, Person],
) -> None:
    demo, guest = people = at_work

    guest.run_cell(ENDLESS)
    guest.run_cell(SHORT)
    for person in people:
        expect(prompt(person, ENDLESS)).to_have_text("[*]:")
        expect(prompt(person, SHORT)).to_have_text("[*]:")
    demo.menu("Kernel", "Interrupt Kernel")

    expect_ended(people, ENDLESS, "1")
    expect_ended(people, SHORT, " ")
    for person in people:
        person.sees_output(ENDLESS, "KeyboardInterrupt")
        person.screenshot("faults-3-interrupted")
    guest.run_cell(SHORT)
    expect_ended(people, SHORT, "2")
    demo.sees_output(SHORT, "42")


def test_a_restart_during_a_run_is_explained_to_both_and_the_next_one_works(
    at_work: tuple[Person, Person],
) -> None:
    demo, guest = people = at_work

    demo.run_cell(ENDLESS)
    demo.run_cell(SHORT)
    for person in people:
        expect(prompt(person, SHORT)).to_have_text("[*]:")
    guest.menu("Kernel", "Restart Kernel…")
    accept(guest)

    for person in people:
        person.sees_output(ENDLESS, "The kernel was restarted. It ended this cell.")
        person.sees_output(SHORT, "The kernel was restarted. This cell did not run.")
        person.screenshot("faults-4-restarted")
    expect_ended(people, ENDLESS, " ")
    # What a cell showed stays until it really runs again.
    expect_ended(people, SHORT, "2")
    demo.run_cell(SHORT)
    expect_ended(people, SHORT, "1")
    guest.sees_output(SHORT, "42")


def question(person: Person) -> Locator:
    """Return the field that waits for an answer."""
    return person.page.locator(".cc-Question input")


def test_a_question_is_asked_where_everybody_can_answer(at_work: tuple[Person, Person]) -> None:
    demo, guest = people = at_work

    guest.run_cell(QUESTION)
    for person in people:
        person.sees_output(QUESTION, "Your name?")
        expect(question(person)).to_be_visible()
        person.screenshot("faults-5-question")
    # Who has started the cell can type at once; nobody else's typing is interrupted.
    expect(question(guest)).to_be_focused()
    expect(question(demo)).not_to_be_focused()
    question(demo).fill("Ada")
    question(demo).press("Enter")
    expect(demo.cell(QUESTION)).to_be_focused()

    expect_ended(people, QUESTION, "2")
    for person in people:
        person.sees_output(QUESTION, "Your name? Ada")
        person.sees_output(QUESTION, "Hello Ada")
        expect(question(person)).to_have_count(0)
        person.screenshot("faults-5-answered")


def test_pages_that_stay_open_survive_a_stop_and_a_start(
    at_work: tuple[Person, Person], projects_page: Page, home: Path
) -> None:
    demo, guest = people = at_work
    for person in people:
        person.page.evaluate(RECORD_DIALOGS)

    projects_page.get_by_role("button", name=f"Stop {PROJECT}").click()
    expect(projects_page.get_by_text("Stopped")).to_be_visible(timeout=STARTED_MS)
    for person in people:
        expect(told(person, "The server does not answer")).to_be_visible(timeout=STARTED_MS)
        type_live(person, (person,), NOTES, f", {person.name} was here meanwhile")
        person.screenshot("faults-6-stopped")
    projects_page.get_by_role("button", name=f"Start {PROJECT}").click()
    expect(projects_page.get_by_text("Running")).to_be_visible(timeout=STARTED_MS)

    for person in people:
        expect(person.cell(NOTES)).to_contain_text("guest was here meanwhile", timeout=STARTED_MS)
        expect(person.cell(NOTES)).to_contain_text("demo was here meanwhile")
        expect(told(person, "The server does not answer")).to_have_count(0)
    guest.run_cell(SHORT)
    for person in people:
        person.wait_for_kernel()
    demo.run_cell(SHORT)
    # The second run of one kernel that both use.
    expect_ended(people, SHORT, "2")
    for person in people:
        person.screenshot("faults-6-started")
        assert person.page.evaluate("window.dialogsSeen") == []
    demo.wait_until(lambda: b"demo was here meanwhile" in (home / WORK).read_bytes())
    assert (home / WORK).read_bytes().count(b"guest was here meanwhile") == 1


def test_a_removed_member_is_told_and_shut_out_while_the_owner_goes_on(
    at_work: tuple[Person, Person], projects_page: Page, home: Path
) -> None:
    demo, guest = at_work

    guest.edit(NOTES)
    projects_page.get_by_role("button", name=f"Remove guest from {PROJECT}").click()

    expect(modal(guest)).to_contain_text(
        "You are no longer a member of this project.", timeout=SOON_MS
    )
    guest.screenshot("faults-7-removed")
    # One for each notebook that was open.
    for _ in (WORK, FOREIGN):
        accept(guest)
    refused = told(guest, "You are signed out, or not a member of this project any more")
    expect(refused).to_be_visible(timeout=SOON_MS)
    expect(guest.page.get_by_role("status").filter(has_text="Disconnected")).to_be_visible()
    refused.hover()  # it slides in
    guest.screenshot("faults-7-shut-out")
    type_live(guest, (guest,), NOTES, ", typed by a stranger")
    type_live(demo, (demo,), NOTES, ", and I go on")
    demo.run_cell(SHORT)
    expect(prompt(demo, SHORT)).to_have_text("[3]:")
    demo.wait_until(lambda: b", and I go on" in (home / WORK).read_bytes())
    expect(demo.cell(NOTES)).not_to_contain_text("stranger")
    assert b"stranger" not in (home / WORK).read_bytes()
    guest.page.reload()
    expect(guest.page.get_by_text("guest is not allowed")).to_be_visible()
    demo.screenshot("faults-7-owner")
