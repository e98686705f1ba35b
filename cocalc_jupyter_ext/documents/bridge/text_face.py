"""The face of a text: one shared text (jupyter_ydoc's ``YUnicode``)."""

from collections.abc import Callable
from typing import Any

from pycrdt import Text

from ..syncdoc.string_patch import merge_strings
from ..text_edits import edit_text

__all__ = ["TextFace"]


class TextFace:
    """Carries a text over, edit by edit."""

    on_edit: Callable[[], None]
    is_tidy = True

    def __init__(self, text: Text) -> None:
        self.on_edit = lambda: None
        self._text = text
        self._known = str(text)
        self._subscription: Any = text.observe(lambda _event: self.on_edit())

    def tidy(self) -> None:
        """Do nothing: a text needs no names."""

    def pull(self, value: str) -> str:
        """Return the value with what was typed into the shared text since the last call."""
        known, self._known = self._known, str(self._text)
        return self._known if value == known else merge_strings(known, value, self._known)

    def pull_all(self, value: str) -> str:
        """Return the shared text."""
        self._known = str(self._text)
        return self._known

    def push(self, before: str, after: str) -> None:
        """Edit the shared text in the places that differ."""
        edit_text(self._text, after, is_exact=True)
        self._known = str(self._text)

    def close(self) -> None:
        """Stop observing."""
        if self._subscription is not None:
            self._text.unobserve(self._subscription)
            self._subscription = None
