"""Which program formats what, how it is called, and where it comes from (syncdoc-jupyter §11).

Each program gets the text as a file with a fixed name in a folder of its own, so that nothing a
client sends becomes a part of a command line, and no settings file beside the text is read.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from .options import FormatOptions

__all__ = ["PARSERS", "Program", "available", "find_command", "program_of"]

Arguments = Callable[[FormatOptions], list[str]]


@dataclass(frozen=True, slots=True)
class Program:
    """A formatter: ``names`` are where it may be found on the path.

    The command is what was found and ``arguments``. ``input`` is the name of its file. What it
    made is then in ``output``, or in its standard output where that is None.
    """

    title: str
    names: tuple[str, ...]
    install: str
    arguments: Arguments
    input: str
    output: str | None = None
    ok_codes: tuple[int, ...] = (0,)
    timeout_s: float = 15.0
    module: str | None = None
    in_node_modules: bool = False


def _clang_arguments(options: FormatOptions) -> list[str]:
    style = f"{{BasedOnStyle: Google, IndentWidth: {options.indent}, SortIncludes: Never}}"
    return [f"--style={style}", "input.cpp"]


def _latex_arguments(options: FormatOptions) -> list[str]:
    indent = "\\t" if options.use_tabs else " " * options.indent
    return ["--cruft=.", f'--yaml=defaultIndent: "{indent}"', "input.tex"]


_R_SCRIPT: Final = (
    'formatR::tidy_source("input.R", file = "output.R", indent = 2, width.cutoff = 80, '
    "comment = TRUE, blank = TRUE)"
)


def _tidy_arguments(options: FormatOptions) -> list[str]:
    settings = {
        "indent": "yes",
        "indent-spaces": str(options.indent),
        "wrap": "80",
        "quiet": "yes",
        "show-warnings": "no",
        "tidy-mark": "no",
    }
    flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return ["-xml", "-utf8", "-modify", *flags, "input.xml"]


_BIBER_ARGUMENTS: Final = [
    "--tool",
    "--output-align",
    "--output-indent=2",
    "--output-fieldcase=lower",
    "--output-file=output.bib",
    "input.bib",
]

_YAPF: Final = Program(
    "yapf",
    ("yapf", "yapf3"),
    "pip install yapf",
    lambda _options: ["-i", "input.py"],
    "input.py",
    "input.py",
    module="yapf",
)
_LATEX: Final = Program(
    "latexindent",
    ("latexindent", "latexindent.pl"),
    "apt-get install texlive-extra-utils",
    _latex_arguments,
    "input.tex",
)
_FORMAT_R: Final = Program(
    "Rscript",
    ("Rscript",),
    "apt-get install r-base, and in R install.packages('formatR')",
    lambda _options: ["--vanilla", "-e", _R_SCRIPT],
    "input.R",
    "output.R",
)
_TIDY: Final = Program(
    "tidy",
    ("tidy",),
    "apt-get install tidy",
    _tidy_arguments,
    "input.xml",
    "input.xml",
    ok_codes=(0, 1),
)
_BIBER: Final = Program(
    "biber",
    ("biber",),
    "apt-get install biber",
    lambda _options: _BIBER_ARGUMENTS,
    "input.bib",
    "output.bib",
    timeout_s=20.0,
)
_CLANG: Final = Program(
    "clang-format",
    ("clang-format",),
    "pip install clang-format",
    _clang_arguments,
    "input.cpp",
)
_GO: Final = Program(
    "gofmt",
    ("gofmt",),
    "apt-get install golang-go",
    lambda _options: ["-w", "input.go"],
    "input.go",
    "input.go",
)
_RUST: Final = Program(
    "rustfmt",
    ("rustfmt",),
    "rustup component add rustfmt",
    lambda _options: ["--edition", "2021", "input.rs"],
    "input.rs",
    "input.rs",
)
_ZIG: Final = Program(
    "zig",
    ("zig",),
    "pip install ziglang, or see https://ziglang.org/download",
    lambda _options: ["fmt", "input.zig"],
    "input.zig",
    "input.zig",
    timeout_s=30.0,
)

_PRETTIER_PARSERS: Final = (
    *("babel", "babel-flow", "babel-ts", "flow", "typescript", "acorn", "espree", "meriyah"),
    *("css", "less", "scss", "json", "json5", "jsonc", "json-stringify", "yaml"),
    *("graphql", "markdown", "mdx", "html", "vue", "angular", "lwc"),
)
"""Those that prettier brings along. It would load any other name as a module, and so run it."""


def _prettier(parser: str) -> Program:
    def arguments(options: FormatOptions) -> list[str]:
        width = [f"--tab-width={options.tab_width}"] if options.tab_width else []
        tabs = ["--use-tabs"] if options.use_tabs else []
        plain = ["--no-config", "--no-editorconfig", f"--parser={parser}"]
        return [*plain, *width, *tabs, "input"]

    return Program(
        "prettier",
        ("prettier",),
        "npm install -g prettier",
        arguments,
        "input",
        in_node_modules=True,
    )


PARSERS: Final[dict[str, Program]] = {
    "python": _YAPF,
    "yapf": _YAPF,
    "latex": _LATEX,
    "latexindent": _LATEX,
    "r": _FORMAT_R,
    "formatR": _FORMAT_R,
    "xml-tidy": _TIDY,
    "bib-biber": _BIBER,
    "clang-format": _CLANG,
    "gofmt": _GO,
    "rust": _RUST,
    "rustfmt": _RUST,
    "zig": _ZIG,
    **{parser: _prettier(parser) for parser in _PRETTIER_PARSERS},
}
"""Every formatter by the names that clients send."""

_CAPABILITIES: Final[dict[str, Program]] = {
    "yapf": _YAPF,
    "latexindent": _LATEX,
    "tidy": _TIDY,
    "xml-tidy": _TIDY,
    "biber": _BIBER,
    "bib-biber": _BIBER,
    "clang-format": _CLANG,
    "gofmt": _GO,
    "rustfmt": _RUST,
    "zig": _ZIG,
    "prettier": PARSERS["babel"],
}
_OTHER_PROGRAMS: Final = ("yapf3", "black", "autopep8")


def program_of(parser: str) -> Program | None:
    """Return the program of a formatter's name; None for an unknown one."""
    return PARSERS.get(parser)


def find_command(program: Program, path: str, home: Path) -> list[str] | None:
    """Return how a program is started; None if it is not there.

    ``path`` is a search path. A Python package is taken from the server's own environment first.
    """
    if program.module is not None and find_spec(program.module) is not None:
        return [sys.executable, "-P", "-m", program.module]
    if program.in_node_modules:
        path = f"{path}:{home / 'node_modules' / '.bin'}"
    found = next(
        (found for name in program.names if (found := shutil.which(name, path=path))), None
    )
    return None if found is None else [found]


def available(path: str, home: Path) -> dict[str, bool]:
    """Return which programs are there, under the names of ``capabilities.formatting``."""
    found = {
        name: find_command(program, path, home) is not None
        for name, program in _CAPABILITIES.items()
    }
    has_r = shutil.which("R", path=path) is not None
    others = {name: shutil.which(name, path=path) is not None for name in _OTHER_PROGRAMS}
    return {**found, **others, "formatR": has_r}
