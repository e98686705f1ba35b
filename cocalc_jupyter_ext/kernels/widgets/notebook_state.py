"""The widgets of a notebook in the notebook itself: what its cells show, and the saved state."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from pycrdt import Map

from ..notebook import NotebookDocument
from .models import WidgetModel
from .records import VIEW_MIME, shown_models
from .saved_state import STATE_MIME, saved_state

__all__ = ["NotebookState"]

MAX_SAVED_BYTES: Final = 10_000_000
_WIDGETS: Final = "widgets"


class NotebookState:
    """Reads and writes one live notebook; ``tell`` is given words for the people at it."""

    def __init__(self, document: NotebookDocument, tell: Callable[[str], None]) -> None:
        self._document = document
        self._tell = tell
        self._told_size = False

    def shown(self) -> set[str]:
        """Return the models whose views the outputs of cells show."""
        return set() if self._document.closed else shown_models(self._views())

    def store(self, models: Iterable[WidgetModel]) -> None:
        """Put the state of what is shown into the metadata, where it is not there yet.

        Without models nothing is changed: what the file has came from elsewhere.
        """
        document, models = self._document, list(models)
        if document.closed or not models:
            return
        metadata = document.ydoc.ydoc.get("meta", type=Map).get("metadata")
        if not isinstance(metadata, Map):
            return  # a notebook that nothing was put into
        known = _plain(metadata.get(_WIDGETS))
        others = dict(known) if isinstance(known, dict) else {}
        before = others.pop(STATE_MIME, None)
        state = saved_state(models, self.shown(), before)
        if state == before or not self._is_small(state):
            return
        with document.edit():
            if state is not None:
                metadata[_WIDGETS] = {**others, STATE_MIME: state}
            elif others:
                metadata[_WIDGETS] = others
            else:
                del metadata[_WIDGETS]

    def _views(self) -> Iterator[Any]:
        for cell in self._document.ydoc.ycells:
            for output in cell.get("outputs") or ():
                data = output.get("data") if isinstance(output, Map | dict) else None
                if isinstance(data, Map | dict) and VIEW_MIME in data:
                    yield {VIEW_MIME: _plain(data[VIEW_MIME])}

    def _is_small(self, state: object) -> bool:
        size = len(json.dumps(state))
        if size > MAX_SAVED_BYTES and not self._told_size:
            self._told_size = True
            self._tell(
                f"The widgets of this notebook are too large to be kept in its file: {_mb(size)} "
                f"MB, and at most {_mb(MAX_SAVED_BYTES)} MB are kept. Without its kernel they show "
                "what they had when they were smaller, or nothing."
            )
        return size <= MAX_SAVED_BYTES


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.0f}"


def _plain(value: Any) -> Any:
    return value.to_py() if isinstance(value, Map) else value
