"""One person in front of one browser: what they click, type and see.

Waits are conditions with a limit, never pauses. Selectors are those of JupyterLab's own
accessibility attributes and documented class names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Person"]

READY_MS = 60_000
SEE_MS = 15_000


class Person:
    """A browser context of its own, logged in to the hub as ``name``."""

    def __init__(self, browser: Browser, hub_url: str, name: str, artifacts: Path) -> None:
        self.name = name
        self._hub_url = hub_url.rstrip("/")
        self._artifacts = artifacts
        self._browser = browser
        self.errors: list[str] = []
        self.page = self._new_page()

    def _new_page(self) -> Page:
        # Tall enough that the windowed notebook keeps every cell of the test in the DOM.
        context = self._browser.new_context(viewport={"width": 1280, "height": 2600})
        page = context.new_page()
        page.set_default_timeout(SEE_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._on_console)
        return page

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    # Getting there

    def log_in(self) -> None:
        """Log in and arrive at the projects page."""
        self.page.goto(f"{self._hub_url}/")
        self.page.get_by_label("Username").fill(self.name)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Projects")).to_be_visible(timeout=READY_MS)

    def open_project(self, title: str) -> None:
        """Click a project of the list and wait for JupyterLab."""
        self.page.get_by_role("link", name=title).click()
        expect(self.page.locator("#jp-main-dock-panel")).to_be_visible(timeout=READY_MS)

    def open_file(self, name: str) -> None:
        """Double-click a file in JupyterLab's file browser."""
        item = self.page.locator("#filebrowser .jp-DirListing-item", has_text=name)
        expect(item).to_be_visible(timeout=READY_MS)
        item.dblclick()
        expect(self.page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=READY_MS)

    def wait_for_kernel(self) -> None:
        """Wait until the notebook's kernel is idle."""
        idle = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) [data-status='idle']")
        expect(idle.first).to_be_attached(timeout=READY_MS)

    def close_browser(self) -> None:
        """Close every window of this person."""
        self.page.context.close()

    def reopen_browser(self) -> None:
        """Come back with a new browser."""
        self.page = self._new_page()

    # The notebook

    def cell(self, index: int) -> Locator:
        """Return the cell at ``index``, counted from 0."""
        return self.page.locator(
            f".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell[data-windowed-list-index='{index}']"
        )

    def edit(self, index: int) -> None:
        """Put the cursor at the end of a cell's text."""
        rendered = self.cell(index).locator(".jp-MarkdownOutput")
        if rendered.is_visible():
            rendered.dblclick()
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+End")

    def type(self, text: str, *, delay_ms: float = 20) -> None:
        """Type where the cursor is."""
        self.page.keyboard.type(text, delay=delay_ms)

    def run_cell(self, index: int) -> None:
        """Run one cell with Ctrl-Enter."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def menu(self, menu: str, item: str) -> None:
        """Choose an item of JupyterLab's main menu."""
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=item).click()

    def sees_text(self, index: int, text: str) -> None:
        """Expect ``text`` in a cell's editor or, for Markdown, in what it was rendered to."""
        expect(self.cell(index).locator(".jp-Cell-inputArea")).to_contain_text(text, timeout=SEE_MS)

    def sees_output(self, index: int, text: str, *, timeout_ms: float = READY_MS) -> None:
        """Expect ``text`` in a cell's outputs."""
        outputs = self.cell(index).locator(".jp-OutputArea-output")
        expect(outputs.filter(has_text=text).first).to_be_attached(timeout=timeout_ms)

    def sees(self, index: int, selector: str) -> Locator:
        """Expect something with a CSS selector in a cell's outputs, and return it."""
        found = self.cell(index).locator(f".jp-OutputArea {selector}").first
        expect(found).to_be_visible(timeout=READY_MS)
        return found

    # Evidence

    def screenshot(self, name: str) -> Path:
        """Keep what this person sees as ``artifacts/<name>-<person>.png``."""
        path = self._artifacts / f"{name}-{self.name}.png"
        self.page.screenshot(path=path)
        return path

    def wait_until(self, condition: Callable[[], bool], *, limit_ms: int = READY_MS) -> None:
        """Wait for a condition outside the page while the page lives on."""
        waited = 0
        while not condition():
            if waited >= limit_ms:
                raise AssertionError(f"{self.name}: condition not met within {limit_ms} ms")
            self.page.wait_for_timeout(100)
            waited += 100
