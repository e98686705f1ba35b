"""The face of a text: one shared text (jupyter_ydoc's ``YUnicode``)."""

from collections.abc import Callable
from typing import Any

from pycrdt import Text

from ..text_edits import edit_text

__all__ = ["TextFace"]


class TextFace:
    """Carries a text over, edit by edit."""

    on_edit: Callable[[], None]

    def __init__(self, text: Text) -> None:
        self.on_edit = lambda: None
        self._text = text
        self._subscription: Any = text.observe(lambda _event: self.on_edit())

    def pull(self, value: str) -> str:
        """Return the shared text: it is all there is, whatever the value was."""
        return str(self._text)

    def push(self, before: str, after: str) -> None:
        """Edit the shared text in the places that differ."""
        edit_text(self._text, after)

    def close(self) -> None:
        """Stop observing."""
        if self._subscription is not None:
            self._text.unobserve(self._subscription)
            self._subscription = None
