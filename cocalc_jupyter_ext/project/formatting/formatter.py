"""Formats a text with the program that is for it (syncdoc-jupyter §11)."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ...conat.services.worker_threads import in_thread
from ..arguments import Arguments
from ..concurrency import ConcurrencyLimit
from ..dispatch import ApiError, ApiFunction
from ..processes import Limits, Start, child_environment, run, search_path
from .math import protect, restore
from .messages import python_message, readable
from .options import FormatOptions, read_options
from .programs import PARSERS, Program, find_command, program_of

__all__ = ["MAX_TEXT", "FormatFailed", "Formatter", "FormatterMissing", "UnknownFormatter"]

MAX_TEXT: Final = 5_000_000
MAX_RUNNING: Final = 4
MAX_WAITING: Final = 30
_FUNCTION: Final = "editor.formatterString"


class UnknownFormatter(ApiError):  # noqa: N818 - says what is wrong, as its neighbours do
    """No formatter has this name."""

    def __init__(self, parser: str) -> None:
        known = ", ".join(sorted(PARSERS))
        super().__init__(f"there is no formatter '{parser[:100]}'; there are {known}")
        self.parser = parser


class FormatterMissing(ApiError):  # noqa: N818 - says what is wrong, as its neighbours do
    """The program of a formatter is not installed in this project."""

    def __init__(self, program: Program) -> None:
        super().__init__(
            f"the program '{program.title}' is not installed in this project; to have it: "
            f"{program.install}"
        )
        self.program = program.title


class FormatFailed(ApiError):  # noqa: N818 - says what is wrong, as its neighbours do
    """A formatter does not understand the text; its own words say where."""


class Formatter:
    """Formats texts, four at a time; some more wait."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self._home = home
        self._environ = environ
        self._concurrency = ConcurrencyLimit(
            "texts to format", running=MAX_RUNNING, waiting=MAX_WAITING
        )

    def functions(self) -> dict[str, ApiFunction]:
        """Return the functions by their names on the wire."""
        return {_FUNCTION: self.format_string}

    async def format_string(self, request: object) -> str:
        """Format the text ``str`` of a call; ``path`` is its file, and does not matter."""
        arguments = Arguments(_FUNCTION, request)
        arguments.path("path", None)
        options = read_options(_FUNCTION, arguments.value("options"))
        return await self.format(arguments.text("str"), options)

    async def format(self, text: str, options: FormatOptions) -> str:
        """Return the text formatted.

        Raises UnknownFormatter, FormatterMissing, FormatFailed, and KilledCommand for one that
        takes too long.
        """
        program = program_of(options.parser)
        if program is None:
            raise UnknownFormatter(options.parser)
        if len(text) > MAX_TEXT:
            raise ApiError(f"a text of more than {MAX_TEXT} characters cannot be formatted")
        if options.parser == "markdown":
            plain, protected = await in_thread(protect, text)
            formatted = await self._run(program, plain, options)
            return await in_thread(restore, formatted, protected)
        formatted = await self._run(program, text, options)
        return _clean_latex(formatted, options) if program.title == "latexindent" else formatted

    async def _run(self, program: Program, text: str, options: FormatOptions) -> str:
        formatted = await self._output(program, text, options)
        if text.strip() and not formatted.strip():
            # biber ends well and with nothing where it finds no entry but remarks, for instance.
            raise FormatFailed(
                f"'{program.title}' finds nothing in this text that it knows, and would empty it"
            )
        return formatted

    async def _output(self, program: Program, text: str, options: FormatOptions) -> str:
        path = search_path(self._environ, self._home)
        command = await in_thread(find_command, program, path, self._home)
        if command is None:
            raise FormatterMissing(program)
        env = child_environment(self._environ, PATH=path, NO_COLOR="1")
        async with self._concurrency.slot():
            with tempfile.TemporaryDirectory(prefix="cocalc-format-") as name:
                folder = Path(name)
                await in_thread(_write, folder / program.input, text)
                start = Start([*command, *program.arguments(options)], folder, env)
                limits = Limits(program.timeout_s, 4 * MAX_TEXT)
                done = await run(start, limits)
                if done.exit_code not in program.ok_codes:
                    said = (done.stderr or done.stdout).replace(f"{folder}/", "")
                    is_python = program.module == "yapf"
                    raise FormatFailed(python_message(said, text) if is_python else readable(said))
                if program.output is None:
                    return done.stdout
                return await in_thread(_read, folder / program.output, done.stderr)


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="")


def _read(file: Path, said: str) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace", newline="") as opened:
            return opened.read(4 * MAX_TEXT)
    except FileNotFoundError as error:
        raise FormatFailed(readable(said) or "the formatter produced nothing") from error


def _clean_latex(text: str, options: FormatOptions) -> str:
    """Make lines of nothing but blanks empty, and tabs spaces unless tabs are wanted."""
    if not options.use_tabs:
        text = text.expandtabs(options.indent)
    return "\n".join("" if line.isspace() else line for line in text.split("\n"))
