"""What JupyterLab shows of a document's versions, and of trouble with its file (SPEC F10, H)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from ..support.notebooks import write_notebook
from ..support.servers import TOKEN, JupyterServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

BUILT = Path(__file__).parents[2] / "cocalc_jupyter_ext" / "labextension"
CONFIG = """
c.FileContentsManager.delete_to_trash = False
c.CoCalcExtension.autosave_quiet_s = 0.2
c.CoCalcExtension.file_poll_s = 0.2
c.LabApp.expose_app_in_browser = True
"""
READY_MS = 60_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    folder = tmp_path_factory.mktemp("lab")
    extensions = folder / "extensions"
    extensions.mkdir()
    (extensions / "cocalc-jupyter").symlink_to(BUILT)
    place = f"--LabApp.extra_labextensions_path={extensions}"
    server = JupyterServer(folder, CONFIG, extra_args=[place], has_lab=True)
    write_notebook(server.work / "a.ipynb", "first = 1", "second = 2")
    with server:
        yield server


@pytest.fixture(scope="module")
def page(browser: Browser, server: JupyterServer, artifacts: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(f"{server.url}lab/tree/a.ipynb?token={TOKEN}")
    expect(cell(page)).to_be_visible(timeout=READY_MS)
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_role("button", name="No Kernel").click(timeout=READY_MS)
    expect(dialog).to_have_count(0)
    yield page
    page.screenshot(path=artifacts / "history-last.png")
    context.close()


def cell(page: Page) -> Locator:
    return page.locator(".jp-Notebook .cm-content").first


def wait_until_saved(page: Page, path: Path) -> None:
    """Wait until the file stays as it is: every edit is written after a quiet time of 0.2 s."""
    before = None
    while before != (before := path.stat().st_mtime_ns):
        page.wait_for_timeout(1_000)


def versions(page: Page) -> Locator:
    return page.locator(".cc-History-item")


def test_versions_are_listed_with_their_authors_and_shown(page: Page, artifacts: Path) -> None:
    cell(page).click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" # typed")
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_role("menuitem", name="Show History").click()

    expect(versions(page).last).to_contain_text("Project")
    expect(versions(page).first).to_contain_text("Anonymous")
    view = page.locator(".cc-History-view")
    expect(view).to_contain_text("first = 1 # typed")
    versions(page).last.click()
    expect(view).not_to_contain_text("# typed")
    page.screenshot(path=artifacts / "history-versions.png")


def test_a_version_is_compared_with_the_present_and_restored(page: Page, artifacts: Path) -> None:
    page.get_by_role("button", name="Changes since").click()

    view = page.locator(".cc-History-view")
    expect(view.locator(".cc-mod-removed")).to_have_text("- first = 1")
    expect(view.locator(".cc-mod-added")).to_have_text("+ first = 1 # typed")
    page.screenshot(path=artifacts / "history-changes.png")
    page.get_by_role("button", name="Restore this version").click()
    page.locator(".jp-Dialog .jp-mod-accept").click()

    expect(cell(page)).to_have_text("first = 1")
    expect(view).to_contain_text("Nothing has changed since.")


def test_a_deleted_file_is_said_above_the_document_until_it_is_there_again(
    page: Page, server: JupyterServer, artifacts: Path
) -> None:
    path = server.work / "a.ipynb"
    page.wait_for_function(
        "path => fetch(path).then(answer => answer.json()).then(file =>"
        " !JSON.stringify(file.content).includes('# typed'))",
        arg="/api/contents/a.ipynb",
    )
    wait_until_saved(page, path)
    path.unlink()

    banner = page.locator(".cc-FileProblem")
    expect(banner).to_be_visible()
    expect(banner).to_contain_text("a.ipynb was deleted")
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    page.screenshot(path=artifacts / "history-deleted.png")
    cell(page).click()
    page.keyboard.type("#")
    expect(banner).to_be_hidden()
    assert path.exists()
