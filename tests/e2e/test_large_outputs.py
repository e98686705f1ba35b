"""A person sees plots, tables and documents that are kept beside the notebook, and keeps them.

Contract: syncdoc-jupyter §4.7, §12.1, §12.2; reference jupyterlab-rtc §7; design D19.
"""

import base64
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import Browser, Page, expect

from tests.support.servers import TOKEN, JupyterServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(200)]

ROOT = Path(__file__).parent.parent.parent
READY_MS = 60_000

PLOT = """import matplotlib.pyplot as plt
import numpy as np

plt.figure(figsize=(6, 3))
plt.imshow(np.random.default_rng(1).random((60, 120)))
plt.title("A noisy picture")
plt.show()"""
HTML = """from IPython.display import HTML
HTML("<p id='large-html'>a large table</p><script>document.body.dataset.script = 'ran'</script>"
     + "<!--" + "x" * 10_000 + "-->")"""
SVG = """from IPython.display import SVG
SVG("<svg xmlns='http://www.w3.org/2000/svg' width='80' height='40'>"
    "<rect width='80' height='40' fill='teal'/><!--" + "x" * 10_000 + "--></svg>")"""
SIZED = """from IPython.display import Image
import io, matplotlib.pyplot as plt
file = io.BytesIO()
figure = plt.figure()
plt.imshow(np.random.default_rng(2).random((99, 99)))
figure.savefig(file, format="png")
plt.close(figure)
Image(file.getvalue(), width=123)"""
PDF = """import base64
from IPython.display import display
file = io.BytesIO()
figure = plt.figure()
plt.plot([1, 2, 1])
figure.savefig(file, format="pdf")
plt.close(figure)
display({"application/pdf": base64.b64encode(file.getvalue()).decode()}, raw=True)"""


def write(path: Path, cells: list[nbformat.NotebookNode]) -> None:
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


class LabServer(JupyterServer):
    """A server that also has the pages of JupyterLab."""

    def _command(self) -> list[str]:
        without, having = "'jupyterlab': False", "'jupyterlab': True"
        return [argument.replace(without, having) for argument in super()._command()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Run a JupyterLab with the front end as it was built."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "labextensions").mkdir()
    (folder / "labextensions" / "cocalc-jupyter").symlink_to(
        ROOT / "cocalc_jupyter_ext" / "labextension"
    )
    server = LabServer(
        folder, f"c.LabApp.extra_labextensions_path = [{str(folder / 'labextensions')!r}]\n"
    )
    server.work.mkdir()
    sources = {"plot": PLOT, "html": HTML, "svg": SVG, "sized": SIZED, "pdf": PDF}
    cells = [new_code_cell(source, id=cell_id) for cell_id, source in sources.items()]
    write(server.work / "plots.ipynb", cells)
    write(server.work / "long.ipynb", [long_cell()])
    write(server.work / "foreign.ipynb", [foreign_cell()])
    write(server.work / "other.ipynb", [new_code_cell("1", id="one")])
    with server:
        yield server


@pytest.fixture
def page(browser: Browser, server: JupyterServer) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 2600})
    page = context.new_page()
    page.set_default_timeout(READY_MS)
    page.goto(f"{server.url}lab/tree/plots.ipynb?token={TOKEN}")
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=READY_MS)
    yield page
    context.close()


def long_cell() -> nbformat.NotebookNode:
    """Return a cell with a long text and a large figure without a picture, never run here."""
    text = "".join(f"line {number}\n" for number in range(20_000))
    data = {"application/json": {"values": list(range(30_000))}, "text/plain": "a figure"}
    shown = new_output("display_data", data=data)
    return new_code_cell("1", id="long", outputs=[new_output("stream", text=text), shown])


def foreign_cell() -> nbformat.NotebookNode:
    """Return a cell with HTML, SVG and PDF that somebody else has made, with scripts in them."""
    script = "<script>document.title = 'hacked'</script><img src=x onerror=\"document.title='h'\">"
    padding = f"<!--{'x' * 10_000}-->"
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='70' height='40'><script>"
        f"top.document.title = 'hacked'</script><rect width='70' height='40'/>{padding}</svg>"
    )
    pdf = base64.b64encode(b"%PDF-1.4 " + b"x" * 10_000).decode()
    bundles = [
        {"text/html": f"<p id='foreign'>a foreign table</p>{script}{padding}"},
        {"image/svg+xml": svg},
        {"application/pdf": pdf, "text/plain": "a foreign document"},
    ]
    shown = [new_output("display_data", data=data) for data in bundles]
    return new_code_cell("1", id="foreign", outputs=shown)


def outputs(page: Page, index: int) -> str:
    return f".jp-Cell[data-windowed-list-index='{index}'] .jp-OutputArea-output"


def sees_image(page: Page, index: int) -> dict[str, float]:
    """Wait until an image was loaded and return its sizes, by nature and as shown."""
    image = page.locator(f"{outputs(page, index)} img")
    expect(image).to_be_visible(timeout=READY_MS)
    page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    size: dict[str, float] = image.evaluate(
        "image => ({natural: image.naturalWidth, shown: image.width})"
    )
    return size


def sees_everything(page: Page) -> None:
    assert sees_image(page, 0)["natural"] > 300
    expect(page.locator(f"{outputs(page, 1)} #large-html")).to_have_text("a large table")
    assert sees_image(page, 2)["natural"] == 80
    assert sees_image(page, 3)["shown"] == 123
    expect(page.locator(f"{outputs(page, 4)} .jp-PDFContainer")).to_be_visible()


def test_plots_are_shown_kept_and_shown_again(
    page: Page, server: JupyterServer, artifacts: Path
) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    sees_everything(page)
    # What a trusted cell shows may run scripts.
    expect(page.locator("body[data-script=ran]")).to_have_count(1)
    source = page.locator(f"{outputs(page, 0)} img").get_attribute("src") or ""
    assert "/cocalc/blobs/" in source
    page.screenshot(path=artifacts / "large-outputs.png")

    file = server.work / "plots.ipynb"
    page.keyboard.press("Control+s")
    for _ in range(100):
        written = nbformat.read(file, as_version=nbformat.NO_CONVERT)
        if all(cell.outputs for cell in written.cells):
            break
        page.wait_for_timeout(100)
    nbformat.validate(written)
    picture = written.cells[0].outputs[0]["data"]["image/png"]
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert "a large table" in written.cells[1].outputs[0]["data"]["text/html"]
    assert written.cells[2].outputs[0]["data"]["image/svg+xml"].startswith("<svg")
    document = base64.b64decode(written.cells[4].outputs[0]["data"]["application/pdf"])
    assert document.startswith(b"%PDF")
    assert "vnd.cocalc" not in file.read_text()

    page.reload()
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=READY_MS)
    sees_everything(page)


def test_a_copied_cell_has_its_picture_in_the_other_notebook_and_on_disk(
    page: Page, server: JupyterServer
) -> None:
    sees_image(page, 0)
    page.locator(".jp-Cell[data-windowed-list-index='0'] .jp-InputPrompt").click()
    page.keyboard.press("c")
    page.locator("#filebrowser .jp-DirListing-item", has_text="other.ipynb").dblclick()
    other = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(other.locator(".jp-Cell")).to_have_count(1)
    other.locator(".jp-InputPrompt").first.click()
    page.keyboard.press("v")

    image = other.locator(".jp-OutputArea-output img")
    expect(image).to_be_visible()
    page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    file = server.work / "other.ipynb"
    for _ in range(150):
        written = nbformat.read(file, as_version=nbformat.NO_CONVERT)
        if len(written.cells) == 2 and written.cells[1].outputs:
            break
        page.wait_for_timeout(100)
    assert "image/png" in written.cells[1].outputs[0]["data"]


def test_long_text_of_a_file_is_shown_to_its_end(page: Page, server: JupyterServer) -> None:
    page.goto(f"{server.url}lab/tree/long.ipynb")
    shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output")
    expect(shown.first).to_contain_text("line 19999", timeout=READY_MS)
    expect(shown.nth(1).locator(".jp-RenderedJSON")).to_be_visible()


def test_what_nobody_trusts_is_shown_without_its_scripts(page: Page, server: JupyterServer) -> None:
    page.goto(f"{server.url}lab/tree/foreign.ipynb")
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    shown = panel.locator(".jp-OutputArea-output")
    expect(shown.first).to_contain_text("a foreign table", timeout=READY_MS)
    assert "<script" not in shown.first.inner_html()
    image = shown.nth(1).locator("img")
    page.wait_for_function("image => image.naturalWidth === 70", arg=image.element_handle())
    expect(shown.nth(2)).to_contain_text("a foreign document")  # as JupyterLab does with PDF
    assert "hacked" not in page.title()
    assert page.title() != "h"

    # Opened on its own, by somebody who was sent its address, it can do nothing either.
    address = image.get_attribute("src") or ""
    page.goto(address)
    assert "hacked" not in page.title()
