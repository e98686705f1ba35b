"""The projects page in a real browser: what is clicked works, and it fits on a phone."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.support.hub import Hub

PHONE = {"width": 360, "height": 740}
START_MS = 60_000

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.fail("Chromium is missing. On Debian: apt-get install chromium (or set CHROMIUM)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser.new_context()
        browser.close()


@pytest.fixture
def page(context: BrowserContext, hub: Hub) -> Iterator[Page]:
    """The projects page of a person of its own, and a check that it ran without errors."""
    complaints: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error" and "/services/cocalc" in message.location["url"]
            else None
        ),
    )
    page.goto(hub.url)
    page.get_by_label("Username").fill("clicker")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    yield page
    unexpected = [text for text in complaints if "404" not in text]
    assert unexpected == []


def create(page: Page, title: str) -> None:
    page.get_by_label("Title of a new project").fill(title)
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("link", name=title)).to_be_visible()


def test_a_project_is_created_opened_and_stopped_by_clicking(page: Page, hub: Hub) -> None:
    create(page, "Clicked <b>")

    page.get_by_role("link", name="Clicked <b>").click()
    page.wait_for_url("**/user/*/lab*", timeout=START_MS)
    page.goto(f"{hub.url}/services/cocalc/")
    expect(page.get_by_text("Running")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Stop Clicked <b>").click()

    expect(page.get_by_text("Stopped")).to_be_visible(timeout=START_MS)


def test_a_start_on_the_page_shows_progress_until_it_runs(page: Page) -> None:
    create(page, "Started here")
    project = page.get_by_role("listitem").filter(has_text="Started here").first

    project.get_by_role("button", name="Start Started here").click()

    expect(project.get_by_role("progressbar")).to_be_visible()
    expect(project.get_by_text("Running")).to_be_visible(timeout=START_MS)
    page.on("dialog", lambda dialog: dialog.accept())
    project.get_by_role("button", name="Stop Started here").click()
    expect(project.get_by_text("Stopped")).to_be_visible(timeout=START_MS)


def test_a_wrong_name_is_explained_and_a_right_one_becomes_a_member(page: Page) -> None:
    create(page, "With guest")
    project = page.get_by_role("listitem").filter(has_text="With guest").first
    project.get_by_text("Add a collaborator").click()
    name = project.get_by_label("Name of the person to add to With guest")

    name.fill("gest")
    name.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text('Nobody named "gest" is known here')
    name.fill("guest")
    name.press("Enter")

    remove = project.get_by_role("button", name="Remove guest from With guest")
    expect(remove).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()
    page.on("dialog", lambda dialog: dialog.accept())
    remove.click()
    expect(remove).to_be_hidden()


def test_nothing_sticks_out_on_a_phone(page: Page) -> None:
    create(page, "A title that is rather long, with onewordthatdoesnotendforquiteawhilehere")
    page.set_viewport_size(PHONE)

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
