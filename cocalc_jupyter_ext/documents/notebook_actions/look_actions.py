"""Actions on how cells look and what protects them (syncdoc-jupyter §3.3, §12.3)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..notebook_records.blobs import BlobSink
from ..syncdoc.records import Records
from ..syncdoc.sync_document import SyncDocument
from ..syncdoc.syncdb import SyncDB
from . import looks
from .editor import Editor

__all__ = ["LookActions"]


def _keep_inline(content: bytes) -> None:
    """Keep a picture in the document: where nothing is kept outside, that is allowed (§4.7)."""


class LookActions(Editor):
    """The part of ``NotebookActions`` that changes no text and runs nothing.

    Without ``ids``, an action on outputs is for all code cells. ``put`` keeps what is too
    large for records.
    """

    def __init__(
        self,
        document: SyncDocument[Records] | SyncDB,
        *,
        is_project: bool = False,
        put: BlobSink = _keep_inline,
        make_id: Callable[[], str] | None = None,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(document, is_project=is_project, make_id=make_id, now_ms=now_ms)
        self._put = put
        self._to_clear: set[str] = set()

    def set_collapsed(self, ids: Sequence[str] | None = None, value: bool | None = True) -> bool:
        """Collapse outputs, or show them again; None unsets it."""
        return self.edit(looks.set_output_flag, self._or_all(ids), "collapsed", value)

    def set_scrolled(self, ids: Sequence[str] | None = None, value: bool | None = True) -> bool:
        """Put outputs into a scroll box, or out of it; None unsets it."""
        return self.edit(looks.set_output_flag, self._or_all(ids), "scrolled", value)

    def toggle_collapsed(self, ids: Sequence[str] | None = None) -> bool:
        """Turn each over; the first toggle of a cell makes it false, as CoCalc clients do."""
        return self.edit(looks.toggle_output_flag, self._or_all(ids), "collapsed")

    def toggle_scrolled(self, ids: Sequence[str] | None = None) -> bool:
        """Turn each over; the first toggle makes it true."""
        return self.edit(looks.toggle_output_flag, self._or_all(ids), "scrolled")

    def hide_input(self, ids: Sequence[str] | None = None, is_hidden: bool = True) -> bool:
        """Hide the text of cells, or show it."""
        return self.edit(looks.hide, self._or_all(ids), "input", is_hidden)

    def hide_output(self, ids: Sequence[str] | None = None, is_hidden: bool = True) -> bool:
        """Hide the outputs of cells, or show them; running a cell shows them, too."""
        return self.edit(looks.hide, self._or_all(ids), "output", is_hidden)

    def write_protect(self, ids: Sequence[str], is_protected: bool = True) -> bool:
        """Forbid to change text, type and attachments of cells, and so to delete them."""
        return self.edit(looks.protect, ids, editable=not is_protected, deletable=None)

    def delete_protect(self, ids: Sequence[str], is_protected: bool = True) -> bool:
        """Forbid to delete cells."""
        return self.edit(looks.protect, ids, editable=None, deletable=not is_protected)

    def remove_protection(self, ids: Sequence[str]) -> bool:
        """Allow again to edit and to delete cells."""
        return self.edit(looks.protect, ids, editable=True, deletable=True)

    def add_tag(self, ids: Sequence[str], tag: str) -> bool:
        """Tag cells; raises InvalidActionError for what is not one word."""
        return self.edit(looks.set_tag, ids, tag, True)

    def remove_tag(self, ids: Sequence[str], tag: str) -> bool:
        """Take a tag away."""
        return self.edit(looks.set_tag, ids, tag, False)

    def set_slide(self, ids: Sequence[str], slide: str | None) -> bool:
        """Say what cells are in a slide show; None for nothing. Raises InvalidActionError."""
        return self.edit(looks.set_slide, ids, slide)

    def set_cell_metadata(
        self,
        cell_id: str,
        metadata: Mapping[str, Any],
        *,
        merge: bool = False,
        bypass_protection: bool = False,
    ) -> bool:
        """Replace the metadata of a cell; with ``merge`` only these keys, null taking one away.

        Raises NotEditableError for a write protected cell, unless ``bypass_protection``.
        """
        return self.edit(
            looks.set_metadata,
            cell_id,
            metadata,
            merge=merge,
            bypass_protection=bypass_protection,
        )

    def _or_all(self, ids: Sequence[str] | None) -> Sequence[str]:
        return looks.code_cell_ids(self.records) if ids is None else ids
