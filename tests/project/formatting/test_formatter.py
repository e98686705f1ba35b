"""syncdoc-jupyter §11 with the real programs, and what is said where there are none."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.formatting import formatter as module
from cocalc_jupyter_ext.project.formatting.formatter import (
    FormatFailed,
    Formatter,
    FormatterMissing,
    UnknownFormatter,
)
from cocalc_jupyter_ext.project.processes import KilledCommand

ROOT = Path(__file__).parent.parent.parent.parent
PRETTIER = shutil.which(
    "prettier", path=f"{ROOT / 'labextension' / 'node_modules' / '.bin'}:{os.environ['PATH']}"
)
needs_prettier = pytest.mark.skipif(PRETTIER is None, reason="prettier is not installed")


class Project:
    """A project whose own programs come before those of the machine."""

    def __init__(self, home: Path) -> None:
        self.bin = home / "bin"
        self.bin.mkdir()
        self.formatter = Formatter(home, {"PATH": os.environ["PATH"]})

    def install(self, name: str, script: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    async def format(self, text: str, parser: str, **options: Any) -> str:
        request = {"str": text, "options": {"parser": parser, **options}}
        return await self.formatter.format_string(request)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    if PRETTIER is not None:
        (project.bin / "prettier").symlink_to(PRETTIER)
    return project


@pytest.mark.parametrize("parser", ["python", "yapf"])
async def test_python(project: Project, parser: str) -> None:
    assert await project.format("x = {  'ä':1 }\r\n", parser) == "x = {'ä': 1}\r\n"


async def test_a_python_error_shows_where_it_is(project: Project) -> None:
    with pytest.raises(FormatFailed) as failed:
        await project.format("a = 1\nb = 2\ndef f(:\n    pass\nc = 3\n", "python")

    assert str(failed.value).splitlines() == [
        "line 3, column 7: invalid syntax",
        "  1: a = 1",
        "  2: b = 2",
        "> 3: def f(:",
        "  4:     pass",
        "  5: c = 3",
    ]


async def test_c_in_the_style_of_google_with_includes_as_they_are(project: Project) -> None:
    source = "#include <z.h>\n#include <a.h>\nint main(){return 0;\n}\nvoid f(){\ng( 1 );\nh(2);}\n"

    formatted = await project.format(source, "clang-format", tabWidth=4)

    assert formatted == (
        "#include <z.h>\n#include <a.h>\nint main() { return 0; }\n"
        "void f() {\n    g(1);\n    h(2);\n}\n"
    )


@needs_prettier
@pytest.mark.parametrize(
    ("parser", "text", "formatted"),
    [
        ("babel", "const a={b:1}", "const a = { b: 1 };\n"),
        ("json", '{"a":[1,\n2]}', '{ "a": [1, 2] }\n'),
        ("css", "a{b:c}", "a {\n\tb: c;\n}\n"),
    ],
)
async def test_what_prettier_formats(
    project: Project, parser: str, text: str, formatted: str
) -> None:
    assert await project.format(text, parser, useTabs=True) == formatted


@needs_prettier
async def test_formulas_in_markdown_stay_as_they_are(project: Project) -> None:
    formulas = (
        "$x_1*y_2$ \\(*a*\\)",
        "$$\n  a  *  b\n_c_\n$$",
        "\\begin{align}\n* a &=  *b*\n\\end{align}",
    )

    formatted = await project.format("*  {}   *b*\n\n\n{}\n\n{}".format(*formulas), "markdown")

    assert formatted == "- {} _b_\n\n{}\n\n{}\n".format(*formulas)


@needs_prettier
async def test_prettier_says_what_it_does_not_understand(project: Project) -> None:
    with pytest.raises(FormatFailed, match="SyntaxError"):
        await project.format("const = {", "babel")


@pytest.mark.parametrize(
    ("parser", "program", "install"),
    [
        ("latex", "latexindent", "apt-get install texlive-extra-utils"),
        ("zig", "zig", "pip install ziglang"),
        ("formatR", "Rscript", "install.packages"),
        ("css", "prettier", "npm install -g prettier"),
    ],
)
async def test_a_missing_program_is_named_with_how_to_install_it(
    tmp_path: Path, parser: str, program: str, install: str
) -> None:
    formatter = Formatter(tmp_path, {"PATH": str(tmp_path)})

    with pytest.raises(FormatterMissing, match=f"'{program}' is not installed.*") as missing:
        await formatter.format_string({"str": "x", "options": {"parser": parser}})
    assert install in str(missing.value)


async def test_an_unknown_formatter_says_which_there_are(project: Project) -> None:
    with pytest.raises(UnknownFormatter, match=r"'./x.js'; there are .*yapf"):
        await project.format("x", "./x.js")


async def test_latex_gets_spaces_and_empty_lines(project: Project) -> None:
    project.install("latexindent", 'cat "$3"')
    text = "\\begin{a}\n\tb\n  \t \n\\end{a}\n"

    assert await project.format(text, "latex") == "\\begin{a}\n  b\n\n\\end{a}\n"
    assert await project.format(text, "latex", useTabs=True) == "\\begin{a}\n\tb\n\n\\end{a}\n"


async def test_a_warning_of_tidy_is_no_failure(project: Project) -> None:
    project.install("tidy", 'for last; do :; done; echo "<ok/>" > "$last"; exit 1')
    assert await project.format("<a/>", "xml-tidy") == "<ok/>\n"

    project.install("tidy", "echo $PWD/input.xml: bad >&2; exit 2")
    with pytest.raises(FormatFailed, match=r"^input\.xml: bad$"):
        await project.format("<a", "xml-tidy")


async def test_a_formatter_that_makes_nothing_has_failed(project: Project) -> None:
    project.install("biber", "echo 'no entries' >&2")

    with pytest.raises(FormatFailed, match="no entries"):
        await project.format("@x", "bib-biber")


@pytest.mark.parametrize("made", ["", "\n\n"])
async def test_no_formatter_empties_a_text(project: Project, made: str) -> None:
    """Biber ends so where a file holds remarks alone."""
    project.install("biber", f"printf '{made}' > output.bib")

    with pytest.raises(FormatFailed, match="'biber' finds nothing in this text that it knows"):
        await project.format("% my references\n", "bib-biber")
    assert await project.format(" \n", "bib-biber") == made


async def test_a_formatter_that_hangs_is_ended(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.install("gofmt", "sleep 100")
    hasty = module.program_of("gofmt")
    monkeypatch.setitem(module.PARSERS, "gofmt", _with_timeout(hasty, 0.1))

    with pytest.raises(KilledCommand, match="gofmt"):
        await project.format("package a", "gofmt")


def _with_timeout(program: Any, timeout_s: float) -> Any:
    import dataclasses

    return dataclasses.replace(program, timeout_s=timeout_s)


async def test_nothing_is_left_behind(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    await project.format("x  = 1", "python")
    with pytest.raises(FormatFailed):
        await project.format("x  = (", "python")

    assert list(scratch.iterdir()) == []


async def test_texts_that_are_too_long_are_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TEXT", 3)

    with pytest.raises(ApiError, match="more than 3 characters"):
        await project.format("1234", "python")


@pytest.mark.parametrize(
    "request_", [None, {}, {"str": "a"}, {"str": 7, "options": {"parser": "python"}}, "a"]
)
async def test_wrong_arguments_are_refused(project: Project, request_: Any) -> None:
    with pytest.raises(ApiError):
        await project.formatter.format_string(request_)
