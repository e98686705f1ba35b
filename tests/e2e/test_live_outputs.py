"""People answer questions of running code, and look at long outputs (§3.5, §4.6)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.servers import TOKEN, JupyterServer

from .test_large_outputs import ROOT, LabServer, outputs, write

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(200)]

QUESTION = "name = input('Name? ')\nprint('hello', name)"
PASSWORD = "from getpass import getpass\nprint(len(getpass('Key? ')))"
LONG = "for i in range(60_000): print(i)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "labextensions").mkdir()
    (folder / "labextensions" / "cocalc-jupyter").symlink_to(
        ROOT / "cocalc_jupyter_ext" / "labextension"
    )
    config = f"c.LabApp.extra_labextensions_path = [{str(folder / 'labextensions')!r}]\n"
    server = LabServer(folder, config)
    server.work.mkdir()
    cells = [("question", QUESTION), ("password", PASSWORD), ("long", LONG)]
    write(
        server.work / "work.ipynb", [new_code_cell(source, id=cell_id) for cell_id, source in cells]
    )
    with server:
        yield server


@pytest.fixture
def pages(browser: Browser, server: JupyterServer) -> Iterator[tuple[Page, Page]]:
    """Two people, each with a browser of their own, in the same notebook."""
    contexts = [browser.new_context(viewport={"width": 1280, "height": 1400}) for _ in range(2)]
    opened = []
    for context in contexts:
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{server.url}lab/tree/work.ipynb?token={TOKEN}")
        expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=20_000)
        opened.append(page)
    yield opened[0], opened[1]
    for context in contexts:
        context.close()


def field(page: Page) -> Locator:
    return page.locator(".cc-Question input")


def run(page: Page, index: int) -> None:
    page.locator(f".jp-Cell[data-windowed-list-index='{index}'] .cm-content").click()
    page.keyboard.press("Shift+Enter")


def shows(page: Page, index: int, *texts: str) -> None:
    for text in texts:
        shown = page.locator(outputs(page, index)).filter(has_text=text)
        expect(shown.first).to_be_visible(timeout=20_000)


def test_whoever_is_first_answers_and_all_see_it(pages: tuple[Page, Page], artifacts: Path) -> None:
    one, two = pages
    run(one, 0)
    expect(field(one)).to_be_focused(timeout=20_000)
    expect(field(two)).to_be_visible(timeout=20_000)
    expect(field(two)).not_to_be_focused()  # nobody else's typing is interrupted
    one.reload()
    expect(field(one)).to_be_visible(timeout=20_000)
    two.screenshot(path=artifacts / "question.png")
    field(two).fill("Ada")
    field(two).press("Enter")
    for page in pages:
        shows(page, 0, "Name? Ada", "hello Ada")
        expect(field(page)).to_have_count(0)
        prompt = page.locator(".jp-Cell[data-windowed-list-index='0'] .jp-InputPrompt")
        expect(prompt).to_have_attribute("title", re.compile(r"Run by .+ at .+, \d.* s"))


def test_a_password_is_typed_unseen_and_shown_to_nobody(
    pages: tuple[Page, Page], server: JupyterServer
) -> None:
    one, _ = pages
    run(one, 1)
    expect(field(one)).to_have_attribute("type", "password", timeout=20_000)
    one.keyboard.type("hunter2")
    one.keyboard.press("Enter")
    for page in pages:
        shows(page, 1, "Key? ········", "7")
        assert "hunter2" not in page.content()
    assert "hunter2" not in (server.work / "work.ipynb").read_text()


def test_a_long_output_is_had_on_demand(pages: tuple[Page, Page], artifacts: Path) -> None:
    one, two = pages
    run(one, 2)
    more = two.get_by_role("button", name="Show more output")
    expect(more).to_be_visible(timeout=20_000)
    expect(two.locator(outputs(two, 2)).filter(has_text="59999")).to_have_count(0)
    more.click()
    shows(two, 2, "59999")
    # The cell has ended: there is nothing newer to ask for.
    expect(two.locator(outputs(two, 2)).get_by_role("button")).to_have_count(0)
    two.screenshot(path=artifacts / "more-output.png")
    # What one person looks at does not make the notebook of the others longer.
    expect(one.locator(outputs(one, 2)).filter(has_text="59999")).to_have_count(0)
