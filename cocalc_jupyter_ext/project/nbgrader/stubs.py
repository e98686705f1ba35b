"""What stands where students write their own: by the language of the kernel (pure; §9.4)."""

from collections.abc import Mapping
from typing import Final

__all__ = ["TEXT_STUB", "code_stub", "language_key"]

TEXT_STUB: Final = "YOUR ANSWER HERE"

_STUBS: Final[Mapping[str, tuple[str, str]]] = {
    "python": ("# YOUR CODE HERE", "raise NotImplementedError()"),
    "r": ("# YOUR CODE HERE", "stop('No Answer Given!')"),
    "matlab": ("% YOUR CODE HERE", "error('No Answer Given!')"),
    "octave": ("% YOUR CODE HERE", "error('No Answer Given!')"),
    "java": ("// YOUR CODE HERE", ""),
    "c++": ("// YOUR CODE HERE", 'throw std::runtime_error("No Answer Given!");'),
}
"""A comment, and what fails if nothing is written."""

_PREFIXES: Final = {"python": "python", "sage": "python", "c++": "c++", "cpp": "c++"}


def language_key(language: str) -> str:
    """Return under which name a language has stubs and templates; Sage is like Python."""
    name = language.strip().lower()
    for prefix, key in _PREFIXES.items():
        if name.startswith(prefix):
            return key
    return name


def code_stub(language: str, *, minimal: bool = False) -> str:
    """Return the stub of code; ``minimal`` is the comment alone. What has none gets the text."""
    stub = _STUBS.get(language_key(language))
    if stub is None:
        return TEXT_STUB
    comment, failing = stub
    return comment if minimal or not failing else f"{comment}\n{failing}"
