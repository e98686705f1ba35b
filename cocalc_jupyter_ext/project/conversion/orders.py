"""What a client may ask nbconvert for (pure; syncdoc-jupyter §10).

nbconvert is a program with a setting for everything: its arguments can name classes to load,
files to read as templates and folders to write to. Only the options below are taken. None of
them runs code of the notebook, loads a module, reads another file as a template, or writes
anywhere but beside the notebook.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..dispatch import ApiError

__all__ = ["FORMATS", "PRINTED", "ConversionOrder", "ConversionRefused", "read_order"]

MAX_ARGS: Final = 50
MAX_ARG_LENGTH: Final = 1_000

PRINTED: Final[dict[str, tuple[str, ...]]] = {
    "lab-pdf": (),
    "classic-pdf": ("--template", "classic"),
    "webpdf": (),
}
"""Formats that a browser prints from HTML, with what makes the HTML."""

FORMATS: Final = frozenset(
    {
        *PRINTED,
        "asciidoc",
        "html",
        "latex",
        "markdown",
        "notebook",
        "pdf",
        "python",
        "rst",
        "script",
        "slides",
    }
)

_FLAGS: Final = frozenset(
    {
        "--allow-chromium-download",
        "--coalesce-streams",
        "--embed-images",
        "--no-input",
        "--no-prompt",
        "--sanitize-html",
        "--show-input",
    }
)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_FILE: Final = re.compile(r"[^/\\\0{}]{1,200}")
_ADDRESS: Final = re.compile(r"https?://[^\s\0]{1,500}")
_BOOLEAN: Final = re.compile(r"(?i:true|false)")
_VALUES: Final[dict[str, re.Pattern[str]]] = {
    "--template": re.compile(r"asciidoc|basic|classic|lab|latex|markdown|python|reveal|rst|webpdf"),
    "--theme": _NAME,
    "--output": _FILE,
    "--reveal-prefix": _ADDRESS,
    "--nbformat": re.compile(r"[34]"),
    "--SlidesExporter.reveal_scroll": _BOOLEAN,
    "--SlidesExporter.reveal_theme": _NAME,
    "--SlidesExporter.reveal_transition": _NAME,
    "--TagRemovePreprocessor.enabled": _BOOLEAN,
    "--TemplateExporter.exclude_input": _BOOLEAN,
    "--TemplateExporter.exclude_input_prompt": _BOOLEAN,
    "--TemplateExporter.exclude_markdown": _BOOLEAN,
    "--TemplateExporter.exclude_output": _BOOLEAN,
    "--TemplateExporter.exclude_output_prompt": _BOOLEAN,
    "--TemplateExporter.exclude_raw": _BOOLEAN,
}
"""Options with a value, and what the value may be. Templates are those of nbconvert itself."""

_WHY: Final = {
    "--execute": "run the cells in the notebook, or use system.exec",
    "--inplace": "the notebook is open for everybody, and would be overwritten",
    "--clear-output": "the notebook is open for everybody, and would be overwritten",
    "--output-dir": "files are made beside the notebook",
    "--disable-chromium-sandbox": "that is set by who runs the server",
}


class ConversionRefused(ApiError):  # noqa: N818 - says what is wrong, as its neighbours do
    """An argument is not among those that are taken; the text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class ConversionOrder:
    """A format, the options of nbconvert without it, and the notebook, as the client names it."""

    to: str
    options: tuple[str, ...]
    notebook: str
    output: str | None = None

    @property
    def is_printed(self) -> bool:
        """Whether a browser makes the result."""
        return self.to in PRINTED

    @property
    def base(self) -> str:
        """The name of the result without its extension."""
        name = posixpath.basename(self.notebook)
        return self.output or name.removesuffix(".ipynb")


def read_order(args: object, notebook: str | None = None) -> ConversionOrder:
    """Read the arguments of nbconvert.

    The last one names the file, perhaps after ``--``, unless ``notebook`` is given. Raises
    ConversionRefused.
    """
    if not isinstance(args, list | tuple) or not all(isinstance(each, str) for each in args):
        raise ConversionRefused("args must be a list of texts")
    if len(args) > MAX_ARGS or any(len(each) > MAX_ARG_LENGTH for each in args):
        raise ConversionRefused("these are too many arguments, or too long ones")
    words = list(args)
    if notebook is None:
        words, notebook = _without_file(words)
    if not notebook.endswith(".ipynb") or "\0" in notebook:
        raise ConversionRefused("the last argument must be the name of an .ipynb file")
    return _collect(_options(words), notebook)


def _without_file(words: list[str]) -> tuple[list[str], str]:
    *options, file = words or [""]
    if options[-1:] == ["--"]:
        return options[:-1], file
    if file.startswith("-"):
        raise ConversionRefused("the last argument must be the name of an .ipynb file")
    return options, file


def _collect(options: Iterator[tuple[str, str | None]], notebook: str) -> ConversionOrder:
    to, output, kept = "html", None, list[str]()
    for name, value in options:
        if name == "--to":
            to = value or ""
        elif value is None:
            kept.append(name)
        else:
            output = value if name == "--output" else output
            kept.append(f"{name}={value}")
    if to == "sagews":
        raise ConversionRefused("Sage worksheets are not supported by this server")
    if to not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        raise ConversionRefused(f"there is no format '{to[:100]}'; there are {known}")
    if output is not None and output.startswith((".", "-")):
        raise ConversionRefused("--output must be a name, which begins with a letter or digit")
    return ConversionOrder(to, tuple(kept), notebook, output)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Yield the options with their values, each of them checked."""
    rest = iter(words)
    for word in rest:
        name, sign, value = word.partition("=")
        if name == "--":
            continue
        if name in _FLAGS and not sign:
            yield name, None
            continue
        if name != "--to" and name not in _VALUES:
            raise ConversionRefused(_refusal(name))
        if not sign:
            value = next(rest, "")
        if name in _VALUES and _VALUES[name].fullmatch(value) is None:
            raise ConversionRefused(f"nbconvert's option {name} does not take '{value[:100]}' here")
        yield name, value


def _refusal(name: str) -> str:
    known = ", ".join(sorted({*_FLAGS, *_VALUES, "--to"}))
    why = _WHY.get(name)
    text = f"nbconvert's option '{name[:100]}' is not taken here"
    return f"{text}: {why}" if why else f"{text}; there are {known}"
