"""Code that moves a kernel that already runs to a notebook's folder (pure; syncdoc-jupyter §5).

It leaves no names behind in the languages where that is possible, and texts are written as the
language writes them, so that no path can become code.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["chdir_code", "is_known", "setenv_code", "startup_code"]

Chdir = Callable[[str], str]
Setenv = Callable[[str, str], str]


def is_known(language: str) -> bool:
    """Return whether the folder and the environment of this language's kernels can be changed."""
    return _find(language) is not None


def chdir_code(language: str, path: str) -> str:
    """Return code that changes the working directory; empty if the language has none.

    Raises ``LookupError`` for an unknown language.
    """
    return _get(language)[0](path)


def setenv_code(language: str, variables: Mapping[str, str]) -> str:
    """Return code that sets environment variables; raises ``LookupError`` like the other."""
    setenv = _get(language)[1]
    return "\n".join(filter(None, (setenv(name, value) for name, value in variables.items())))


def startup_code(language: str, path: str, variables: Mapping[str, str]) -> str:
    """Return both in one; raises ``LookupError`` for an unknown language."""
    return "\n".join(filter(None, [chdir_code(language, path), setenv_code(language, variables)]))


def _python_text(text: str) -> str:
    return repr(text)


def _double_quoted(text: str) -> str:
    """Write a text between double quotes, with the escapes that JSON, C, R and Julia share."""
    return json.dumps(text, ensure_ascii=False)


def _c_text(text: str) -> str:
    """Write every byte beyond plain letters in octal, which nothing after it can extend."""
    plain = (
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return '"' + "".join(plain) + '"'


def _julia_text(text: str) -> str:
    return _double_quoted(text).replace("$", "\\$")


def _octave_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _prolog_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _nothing(*_: str) -> str:
    return ""


_PYTHON: Final[tuple[Chdir, Setenv]] = (
    lambda path: f"__import__('os').chdir({_python_text(path)})",
    lambda name, value: f"__import__('os').environ[{_python_text(name)}] = {_python_text(value)}",
)
_R: Final[tuple[Chdir, Setenv]] = (
    lambda path: f"invisible(setwd({_double_quoted(path)}))",
    lambda name, value: (
        f"invisible(do.call(Sys.setenv, setNames(list({_double_quoted(value)}), "
        f"{_double_quoted(name)})))"
    ),
)
_JULIA: Final[tuple[Chdir, Setenv]] = (
    lambda path: f"cd({_julia_text(path)});",
    lambda name, value: f"ENV[{_julia_text(name)}] = {_julia_text(value)};",
)
_OCTAVE: Final[tuple[Chdir, Setenv]] = (
    lambda path: f"cd({_octave_text(path)});",
    lambda name, value: f"setenv({_octave_text(name)}, {_octave_text(value)});",
)
_JAVASCRIPT: Final[tuple[Chdir, Setenv]] = (
    lambda path: (
        f"void (globalThis.Deno ? Deno.chdir({_double_quoted(path)}) "
        f": process.chdir({_double_quoted(path)}));"
    ),
    lambda name, value: (
        f"void (globalThis.Deno ? Deno.env.set({_double_quoted(name)}, {_double_quoted(value)}) "
        f": (process.env[{_double_quoted(name)}] = {_double_quoted(value)}));"
    ),
)
_SHELL: Final[tuple[Chdir, Setenv]] = (
    lambda path: f"cd -- {shlex.quote(path)}",
    lambda name, value: f"export {name}={shlex.quote(value)}",
)
_PROLOG: Final[tuple[Chdir, Setenv]] = (
    lambda path: f"?- cd({_prolog_text(path)}).",
    lambda name, value: f"?- setenv({_prolog_text(name)}, {_prolog_text(value)}).",
)
_C: Final[tuple[Chdir, Setenv]] = (
    lambda path: f"#include <unistd.h>\n(void)!chdir({_c_text(path)});",
    lambda name, value: f"#include <stdlib.h>\nsetenv({_c_text(name)}, {_c_text(value)}, 1);",
)

_EXACT: Final[dict[str, tuple[Chdir, Setenv]]] = {
    "r": _R,
    "julia": _JULIA,
    "octave": _OCTAVE,
    "matlab": _OCTAVE,
    "javascript": _JAVASCRIPT,
    "typescript": _JAVASCRIPT,
    "bash": _SHELL,
    "sh": _SHELL,
    "prolog": _PROLOG,
    "c": _C,
    "sparql": (_nothing, _nothing),
}
_BEGINNINGS: Final[tuple[tuple[str, tuple[Chdir, Setenv]], ...]] = (
    ("python", _PYTHON),
    ("sage", _PYTHON),
    ("c++", _C),
)


def _find(language: str) -> tuple[Chdir, Setenv] | None:
    language = language.lower()
    if language in _EXACT:
        return _EXACT[language]
    return next((code for start, code in _BEGINNINGS if language.startswith(start)), None)


def _get(language: str) -> tuple[Chdir, Setenv]:
    found = _find(language)
    if found is None:
        raise LookupError(f"no code is known that changes the folder of a {language!r} kernel")
    return found
