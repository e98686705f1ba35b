"""syncdoc-jupyter §10 with the real nbconvert and the real browser."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from cocalc_jupyter_ext.conat.services.folder import FileRefused
from cocalc_jupyter_ext.project.browsers import find_browser
from cocalc_jupyter_ext.project.conversion.converter import (
    ConversionFailed,
    Converter,
    ToolMissing,
)
from cocalc_jupyter_ext.project.conversion.orders import ConversionRefused, read_order
from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.processes import KilledCommand

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = os.environ["PATH"]
RED_DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


class Project:
    """A project with one notebook in the folder ``nb``, and notes of what was saved."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "nb"
        self.folder.mkdir(parents=True)
        self.saved: list[str] = []
        self.before: Callable[[], object] = lambda: None
        self.write("a.ipynb")

    def write(self, name: str, text: str = "# Title\n\n$x^2$") -> None:
        code = nbformat.v4.new_code_cell(
            "print('code')", outputs=[nbformat.v4.new_output("stream", text="printed\n")]
        )
        metadata = {"language_info": {"name": "python", "file_extension": ".py"}}
        cells = [nbformat.v4.new_markdown_cell(text), code]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), self.folder / name)

    async def save(self, path: str) -> None:
        self.saved.append(path)
        self.before()

    def converter(self, **environ: str) -> Converter:
        return Converter(self.home, {"PATH": PATH, **environ}, self.save)

    async def convert(self, *args: str, **options: Any) -> None:
        await self.converter().nbconvert({"args": list(args), "directory": "nb", **options})

    @property
    def names(self) -> list[str]:
        return sorted(each.name for each in self.folder.iterdir())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "home")


async def test_the_notebook_is_saved_first(project: Project) -> None:
    project.before = lambda: project.write("a.ipynb", "just typed")

    assert await project.convert("--to", "html", "a.ipynb") is None

    assert project.saved == ["nb/a.ipynb"]
    html = (project.folder / "a.html").read_text()
    assert "just typed" in html
    assert "printed" in html


async def test_a_name_with_wildcards_is_just_a_name(project: Project) -> None:
    project.write("b [1]*?.ipynb", "the right one")
    project.write("b 1xy.ipynb", "the wrong one")

    await project.convert("--to", "markdown", "b [1]*?.ipynb")

    assert project.names == ["a.ipynb", "b 1xy.ipynb", "b [1]*?.ipynb", "b [1]*?.md"]
    assert "the right one" in (project.folder / "b [1]*?.md").read_text()


async def test_modules_and_templates_beside_the_notebook_are_not_loaded(project: Project) -> None:
    (project.folder / "nbformat.py").write_text("raise SystemExit('loaded')")
    (project.folder / "lab").mkdir()
    (project.folder / "lab" / "index.html.j2").write_text("a template of somebody")

    await project.convert("--to", "html", "--no-input", "a.ipynb")

    html = (project.folder / "a.html").read_text()
    assert "printed" in html
    assert "a template of somebody" not in html
    assert "print(" not in html


@pytest.mark.parametrize(
    ("to", "name", "content"),
    [
        ("script", "a.py", "print('code')"),
        ("slides", "a.slides.html", "reveal"),
    ],
)
async def test_formats_that_need_no_other_program(
    project: Project, to: str, name: str, content: str
) -> None:
    await project.convert("--to", to, "a.ipynb")

    assert content in (project.folder / name).read_text()


@pytest.mark.parametrize(("to", "tool"), [("rst", "pandoc"), ("pdf", "xelatex")])
async def test_a_missing_program_is_named_with_how_to_install_it(
    project: Project, tmp_path: Path, to: str, tool: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "bash").symlink_to(str(shutil.which("bash")))
    converter = project.converter(PATH=str(tmp_path / "bin"))

    with pytest.raises(ToolMissing, match=f"'{tool}' .apt-get install") as missing:
        await converter.nbconvert({"args": ["--to", to, "a.ipynb"], "directory": "nb"})

    assert tool in missing.value.tools


@pytest.mark.skipif(shutil.which("pandoc") is None, reason="pandoc is not installed")
@pytest.mark.parametrize(
    ("to", "extension"), [("latex", "tex"), ("rst", "rst"), ("asciidoc", "asciidoc")]
)
async def test_formats_that_need_pandoc(project: Project, to: str, extension: str) -> None:
    await project.convert("--to", to, "a.ipynb")

    assert "Title" in (project.folder / f"a.{extension}").read_text()


@pytest.mark.skipif(
    shutil.which("xelatex") is None or shutil.which("pandoc") is None, reason="TeX is not installed"
)
async def test_tex_makes_a_pdf_whatever_the_name_of_the_notebook(project: Project) -> None:
    """syncdoc-jupyter §10, ``--to pdf``: TeX itself does not take such a name for a picture."""
    notebook = nbformat.read(project.folder / "a.ipynb", as_version=4)
    picture = nbformat.v4.new_output("display_data", data={"image/png": RED_DOT})
    notebook.cells.append(nbformat.v4.new_code_cell("dot", outputs=[picture]))
    nbformat.write(notebook, project.folder / "5 % #1.ipynb")

    await project.convert("--to", "pdf", "5 % #1.ipynb")

    assert (project.folder / "5 % #1.pdf").read_bytes().startswith(b"%PDF-")
    assert project.names == ["5 % #1.ipynb", "5 % #1.pdf", "a.ipynb"]


@pytest.mark.skipif(find_browser(PATH) is None, reason="no Chrome or Chromium is installed")
async def test_a_browser_prints_what_is_beside_the_notebook_and_leaves_nothing(
    project: Project,
) -> None:
    (project.folder / "a.html").write_text("mine")

    await project.convert("--to", "lab-pdf", "a.ipynb")

    assert (project.folder / "a.pdf").read_bytes().startswith(b"%PDF-")
    assert (project.folder / "a.html").read_text() == "mine"
    assert project.names == ["a.html", "a.ipynb", "a.pdf"]


@pytest.mark.parametrize("to", ["lab-pdf", "classic-pdf", "webpdf"])
async def test_without_a_browser_nothing_is_printed(
    project: Project, tmp_path: Path, to: str
) -> None:
    converter = project.converter(PATH=str(tmp_path))

    with pytest.raises(ToolMissing, match="apt-get install chromium"):
        await converter.convert(read_order(["--to", to], "a.ipynb"), "nb/a.ipynb")


async def test_a_browser_that_fails_leaves_nothing_behind(project: Project, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    browser = tmp_path / "bin" / "chromium"
    browser.write_text("#!/bin/sh\necho no sandbox >&2; exit 1\n")
    browser.chmod(0o755)
    converter = project.converter(PATH=f"{tmp_path / 'bin'}:/bin:/usr/bin")
    (tmp_path / "bin" / "google-chrome").symlink_to(browser)

    with pytest.raises(ConversionFailed, match="could not print: no sandbox"):
        await converter.convert(read_order(["--to", "classic-pdf"], "a.ipynb"), "nb/a.ipynb")

    assert project.names == ["a.ipynb"]


async def test_a_failure_tells_what_nbconvert_said(project: Project) -> None:
    (project.folder / "bad.ipynb").write_text("{]")

    with pytest.raises(ConversionFailed, match="JSON"):
        await project.convert("bad.ipynb")


async def test_a_script_goes_where_its_notebook_is_and_nowhere_else(project: Project) -> None:
    (project.folder / "a").mkdir()
    notebook = nbformat.read(project.folder / "a.ipynb", as_version=4)
    notebook.metadata["language_info"] = {"name": "x", "file_extension": "/../../evil"}
    nbformat.write(notebook, project.folder / "a.ipynb")

    with pytest.raises(ConversionRefused, match="file_extension"):
        await project.convert("--to", "script", "a.ipynb")
    assert not (project.home / "evil").exists()


async def test_a_conversion_that_takes_too_long_is_ended(project: Project) -> None:
    with pytest.raises(KilledCommand):
        await project.convert("a.ipynb", timeout=0.05)


@pytest.mark.parametrize("path", ["../a.ipynb", "/etc/a.ipynb", "link/a.ipynb"])
async def test_no_notebook_outside_is_converted(
    project: Project, tmp_path: Path, path: str
) -> None:
    shutil.copy(project.folder / "a.ipynb", tmp_path / "a.ipynb")
    (project.home / "link").symlink_to(tmp_path)

    with pytest.raises(FileRefused, match="outside"):
        await project.converter().nbconvert({"args": [path]})
    assert project.saved == []


async def test_a_notebook_that_is_open_through_a_link_is_saved_too(project: Project) -> None:
    (project.home / "link").symlink_to("nb")

    with pytest.raises(KilledCommand):
        await project.converter().nbconvert({"args": ["link/../link/a.ipynb"], "timeout": 0.01})

    assert project.saved == ["link/a.ipynb", "nb/a.ipynb"]


async def test_a_missing_notebook_says_so(project: Project) -> None:
    with pytest.raises(FileRefused, match="No such file") as refused:
        await project.convert("none.ipynb")

    assert refused.value.is_missing


async def test_what_cannot_be_saved_is_not_converted(project: Project) -> None:
    def fail() -> None:
        raise ApiError("the disk is full")

    project.before = fail

    with pytest.raises(ApiError, match="the disk is full"):
        await project.convert("a.ipynb")
    assert project.names == ["a.ipynb"]
