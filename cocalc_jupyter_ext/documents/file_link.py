"""Keeps the plain file and the live document one: autosave, changes from outside, crashes.

The log has every keystroke; the file is written after a short quiet. Before it writes, and every
second in between, this looks whether somebody else changed the file, and acts as ``disk.py``
decides. One lock orders all that touches the file.

Before a write its digest goes into the log's metadata. If the process dies between writing the
file and noting so, the file that is found afterwards is recognised as our own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

from ..conat.signals import Signal
from .contents import take_content, take_file
from .digests import content_digest
from .disk import DiskDecision, decide
from .errors import DocumentError, FileMissingError, FileUnreadableError
from .file_content import FileContent
from .file_problems import FileProblems, ProblemKind
from .file_tracker import FileTracker
from .linked_document import LinkedDocument
from .merge_values import Merged
from .notices import Action, Level, Notice, Notify
from .settings import DocumentSettings
from .storage import Content, FileStorage, FileVersion, LoadedFile
from .unsaved_edits import UnsavedEdits
from .update_log import LogMeta

__all__ = ["FileLink"]

_MERGE_ATTEMPTS = 5
_log = logging.getLogger(__name__)


class FileLink:
    """The tie between one live document and its plain file.

    ``saved`` tells that the file was found or made to hold all that is in the document, ``taken``
    that the document took in what another program wrote;
    ``before_write`` is called when the document may be edited once more before it is written.
    """

    def __init__(
        self,
        document: LinkedDocument,
        *,
        storage: FileStorage,
        meta: LogMeta,
        settings: DocumentSettings,
        notify: Notify,
        executor: Executor,
    ) -> None:
        self._document = document
        self._storage = storage
        self._meta = meta
        self._settings = settings
        self._notify = notify
        self._content = FileContent(document, storage, executor)
        self._edits = UnsavedEdits(settings.autosave)
        self._lock = asyncio.Lock()
        # What both sides had last, as an update: as content, the outputs of all open notebooks
        # would be in memory. None while it is not known.
        self._agreed: bytes | None = None
        self._unusable: FileVersion | None = None
        self._problems = FileProblems(document, self._tell)
        self._tasks: list[asyncio.Task[None]] = []
        self.autosave_wanted: Callable[[], bool] = lambda: True
        self.before_write: Callable[[], None] = lambda: None
        self.tracker = FileTracker(document, storage)
        self.saved: Signal[[]] = Signal("saving of a file")
        self.taken: Signal[[]] = Signal("taking of a file")

    @property
    def meta(self) -> LogMeta:
        """The present metadata of the log."""
        return self._meta

    @property
    def unsaved(self) -> bool:
        """Whether the document holds edits that no file has."""
        return self._edits.unsaved

    def start(self) -> None:
        """Begin to save and to watch the file."""
        self._tasks = [
            asyncio.create_task(self._autosave(), name="autosave"),
            asyncio.create_task(self._watch(), name="file watch"),
        ]

    async def close(self) -> None:
        """Stop watching and write what no file has yet; a failure is reported, the log has it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self.unsaved and self.autosave_wanted():
            await self._attempt(self._save_edits, ProblemKind.SAVING)

    def content_changed(self) -> None:
        """Note an edit of the content, by anybody."""
        self._edits.edited()

    def marked_dirty(self) -> None:
        """Note that a browser shows the document as unsaved; it is told soon if that is wrong."""
        self._edits.wake()

    async def save(self) -> None:
        """Return when everything in the document now is in the log and in the file.

        Raises FileWriteError, LogWriteError. Cancelling is safe at any point.
        """
        async with self._lock:
            try:
                await self._save()
            except DocumentError as error:
                self._report(ProblemKind.SAVING, str(error))
                raise

    async def _save(self) -> None:
        self.before_write()
        if self.unsaved or await self._look() is None:
            await self._write()
        else:
            await self._document.flush()
            self._mark_saved()

    async def is_read_only(self) -> bool:
        """Return whether there is a file that may not be written; raises FileUnreadableError."""
        return await self._storage.is_read_only(self._document.path)

    async def changed_ms(self) -> int | None:
        """Return when the file was written or put into its place, as a Unix time, if known.

        Raises FileUnreadableError.
        """
        found = await self._storage.stat(self._document.path)
        return None if found is None else found.changed_ms

    async def settle_at_open(self) -> None:
        """Compare log and file once after the document was restored from its log."""
        async with self._lock:
            self._problems.show()
            await self._recognise_own_write()
            await self._compare_with_meta()
            await self._settle()

    async def settle_fresh(self) -> None:
        """Note that the document was loaded from its file, and show the browsers which version."""
        async with self._lock:
            self._agreed = self._document.ydoc.ydoc.get_update()
            await self.tracker.remember()
            self._mark_saved()

    async def _compare_with_meta(self) -> None:
        rendered = await self._content.render()
        if rendered.digest != self._meta.digest:
            self.content_changed()
        else:
            self._agreed = rendered.update

    async def check_file(self) -> None:
        """Look at the file once and act on what is found."""
        async with self._lock:
            await self._settle()

    async def _settle(self) -> None:
        found = await self._look()
        decision = decide(
            file_exists=found is not None,
            file_changed=found is not None and self._is_foreign(found),
            unsaved_edits=self.unsaved,
        )
        if decision is DiskDecision.FILE_GONE:
            self._note_gone()
            return
        if found != self._unusable:
            self._problems.end(ProblemKind.CONTENT)
        if decision is DiskDecision.KEEP_BOTH:
            await self._write()
        elif decision is DiskDecision.TAKE_FILE and found != self._unusable:
            await self._take_file()

    async def _write(self) -> None:
        found = await self._look()
        is_foreign = found is not None and self._is_foreign(found)
        if is_foreign and not await self._merge_foreign_version():
            await self._keep_foreign_version()
        await self._document.flush()
        edits, rendered = self._edits.count, await self._content.render()
        if found is not None and not is_foreign and rendered.digest == self._meta.digest:
            self._saved(edits)
            return
        await self._put_meta(self._meta.begun(rendered.digest))
        version = await self._storage.save(
            self._document.path,
            rendered.content,
            file_format=self._document.room_id.format,
            file_type=self._document.room_id.type,
        )
        await self._put_meta(self._meta.settled(version, rendered.digest))
        await self.tracker.remember()
        self._agreed = rendered.update
        self._saved(edits)
        self._tell("save", "Content saved.", "DEBUG")

    async def _merge_foreign_version(self) -> bool:
        """Take into the document what another program wrote beside the edits made here.

        Returns False when that cannot be done, or not without giving up a part of it.
        """
        if self._agreed is None:
            return False
        try:
            loaded = await self._content.load()
        except (FileMissingError, FileUnreadableError):
            return False
        for _ in range(_MERGE_ATTEMPTS):
            edits = self._edits.count
            merged = await self._content.merged(self._agreed, loaded.content)
            if merged is None:
                return False
            if self._edits.count == edits:  # or somebody typed meanwhile
                self._take_merged(merged)
                return merged.is_clean
        return False

    def _take_merged(self, merged: Merged[Content]) -> None:
        document = self._document
        with document.edit():
            take_content(document.ydoc, merged.value, salt=str(document.room_id))
        if merged.is_clean:
            self._tell(
                "overwrite",
                "Changes of another program were merged with the edits made here.",
                "INFO",
            )
        self.taken.emit()

    async def _keep_foreign_version(self) -> None:
        path = self._document.path
        copy = await self._storage.keep_copy(path)
        self._tell(
            "overwrite",
            f"{path} was changed by another program while it had unsaved edits here, in the same "
            f"places. The edits are in {path}; the other version is kept as {copy}.",
            "WARNING",
        )

    async def _take_file(self) -> None:
        try:
            loaded = await self._content.load()
        except FileMissingError:
            return
        except FileUnreadableError as error:
            self._unusable = await self._look()
            self._problems.arise(
                ProblemKind.CONTENT,
                f"Another program wrote {error}. The document here stays as it was; "
                "with the next edit it is saved and that version is kept as a copy.",
                action="overwrite",
                level="WARNING",
            )
            return
        if self.unsaved:  # somebody typed while the file was read
            await self._write()
            return
        await self._replace_content(loaded)

    async def _replace_content(self, loaded: LoadedFile) -> None:
        with self._document.edit():
            take_file(self._document.ydoc, loaded.content, salt=str(self._document.room_id))
        edits, rendered = self._edits.count, await self._content.render()
        await self._put_meta(self._meta.settled(loaded.version, rendered.digest))
        self._agreed = rendered.update
        self._saved(edits)
        self._tell("overwrite", "The content was changed by another program.", "INFO")
        self.taken.emit()

    async def _recognise_own_write(self) -> None:
        """Settle a write that a crash interrupted: complete, or torn and then to be repeated."""
        writing, found = self._meta.writing, await self._look()
        if writing is None or found is None or not self._is_foreign(found):
            return
        try:
            loaded = await self._content.load()
        except FileUnreadableError:
            await self._put_meta(self._meta.settled(found, ""))
            return
        if content_digest(loaded.content) == writing:
            await self._put_meta(self._meta.settled(loaded.version, writing))

    async def _look(self) -> FileVersion | None:
        return await self.tracker.look(self._meta.file)

    def _is_foreign(self, found: FileVersion) -> bool:
        return self._meta.file is None or not self._meta.file.same_bytes(found)

    async def _put_meta(self, meta: LogMeta) -> None:
        await self._document.write_meta(meta)
        self._meta = meta

    def _saved(self, edits: int) -> None:
        """Note that the first ``edits`` edits are in the file; later ones stay unsaved."""
        self._edits.saved(edits)
        self._problems.end(ProblemKind.SAVING)
        self._problems.end(ProblemKind.CONTENT)
        self._mark_saved()

    def _mark_saved(self) -> None:
        """Tell the browsers through the document's state, as the stock server does."""
        ydoc, file = self._document.ydoc, self._meta.file
        with self._document.edit():
            if file is not None and file.hash is not None and ydoc.hash != file.hash:
                ydoc.hash = file.hash
            if ydoc.dirty and not self.unsaved:
                ydoc.dirty = False
        if not self.unsaved:
            self.saved.emit()

    def _note_gone(self) -> None:
        text = (
            f"{self._document.path} was deleted. The open document stays as it is; "
            "the next edit or an explicit save writes the file again."
        )
        self._problems.arise(ProblemKind.CONTENT, text, action="overwrite", level="WARNING")

    async def _autosave(self) -> None:
        while True:
            await self._edits.wait_until_due()
            if self.autosave_wanted() and not await self._attempt(
                self._save_edits, ProblemKind.SAVING
            ):
                self._edits.failed()

    async def _save_edits(self) -> None:
        """Write what no file has; unlike ``save`` this does not bring back a deleted file."""
        async with self._lock:
            if self.unsaved:
                self.before_write()
                await self._write()
            else:
                self._mark_saved()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._settings.file_poll_s)
            await self._attempt(self.check_file, ProblemKind.WATCHING)

    async def _attempt(self, action: Callable[[], Awaitable[None]], kind: ProblemKind) -> bool:
        """Do something with the file; report a failure, once, instead of raising it.

        Whatever a contents manager raises, saving and watching go on.
        """
        try:
            await action()
        except DocumentError as error:
            self._report(kind, str(error))
            return False
        except Exception as error:  # noqa: BLE001 - logged and told; the next try may succeed
            _log.exception("%s: saving or watching the file failed", self._document.path)
            self._report(kind, f"{self._document.path}: {type(error).__name__}: {error}")
            return False
        self._problems.end(kind)
        return True

    def _report(self, kind: ProblemKind, problem: str) -> None:
        self._problems.arise(kind, problem, action="save", level="ERROR")

    def _tell(self, action: Action, message: str, level: Level) -> None:
        room_id, path = self._document.room_id, self._document.path
        self._notify(
            Notice(room_id=room_id, path=path, action=action, message=message, level=level)
        )
