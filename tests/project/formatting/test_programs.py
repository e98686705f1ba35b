"""syncdoc-jupyter §11: which program formats what, and how it is called."""

import sys
from pathlib import Path

import pytest

from cocalc_jupyter_ext.project.formatting.options import FormatOptions
from cocalc_jupyter_ext.project.formatting.programs import (
    PARSERS,
    Program,
    available,
    find_command,
    program_of,
)


def program(parser: str) -> Program:
    found = program_of(parser)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("parsers", "title"),
    [
        (("python", "yapf"), "yapf"),
        (("r", "formatR"), "Rscript"),
        (("clang-format",), "clang-format"),
        (("gofmt",), "gofmt"),
        (("rust", "rustfmt"), "rustfmt"),
        (("latex", "latexindent"), "latexindent"),
        (("bib-biber",), "biber"),
        (("xml-tidy",), "tidy"),
        (("zig",), "zig"),
        (("css", "html", "json", "yaml", "markdown", "babel", "typescript"), "prettier"),
    ],
)
def test_every_formatter_of_the_contract_has_its_program(
    parsers: tuple[str, ...], title: str
) -> None:
    for parser in parsers:
        assert program(parser).title == title
        assert program(parser).install


@pytest.mark.parametrize("parser", ["./evil.js", "evil", "/tmp/evil.js", "", "babel --x"])
def test_prettier_loads_no_module_that_a_client_names(parser: str) -> None:
    assert program_of(parser) is None


@pytest.mark.parametrize("parser", sorted(PARSERS))
def test_commands_name_only_the_files_that_are_made_for_them(parser: str) -> None:
    arguments = program(parser).arguments(FormatOptions(parser, 4, use_tabs=True))

    assert not any(argument.startswith("/") for argument in arguments)
    assert "/" not in program(parser).input


def test_widths_and_tabs_reach_the_programs() -> None:
    narrow, wide = FormatOptions("x"), FormatOptions("x", 4)
    tabs = FormatOptions("x", use_tabs=True)

    assert "IndentWidth: 2" in program("clang-format").arguments(narrow)[0]
    assert "IndentWidth: 4" in program("clang-format").arguments(wide)[0]
    assert '--yaml=defaultIndent: "    "' in program("latex").arguments(wide)
    assert r'--yaml=defaultIndent: "\t"' in program("latex").arguments(tabs)
    assert "--tab-width=4" in program("css").arguments(wide)
    assert "--use-tabs" in program("css").arguments(tabs)


def test_programs_are_looked_for_where_the_user_has_them(tmp_path: Path) -> None:
    home = tmp_path / "home"
    scripts = home / "node_modules" / ".bin"
    scripts.mkdir(parents=True)
    assert find_command(program("css"), str(tmp_path), home) is None

    (scripts / "prettier").touch(mode=0o755)
    assert find_command(program("css"), str(tmp_path), home) == [str(scripts / "prettier")]
    (tmp_path / "latexindent.pl").touch(mode=0o755)
    assert find_command(program("latex"), str(tmp_path), home) == [str(tmp_path / "latexindent.pl")]
    assert find_command(program("python"), "", home) == [sys.executable, "-P", "-m", "yapf"]


def test_only_what_is_there_is_called_available(tmp_path: Path) -> None:
    assert {name for name, there in available(str(tmp_path), tmp_path).items() if there} == {"yapf"}
    (tmp_path / "biber").touch(mode=0o755)

    found = available(str(tmp_path), tmp_path)

    assert found["biber"]
    assert found["bib-biber"]
    assert not found["gofmt"]
