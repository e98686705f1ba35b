"""A synced text, for scripts and for the project itself (syncdoc-jupyter §1)."""

from collections.abc import Callable

from ...conat.client.client import Client
from .coordination import DocumentType
from .disk_save import save_to_disk
from .opening import Opening, name_of, open_document
from .sync_document import SyncDocument
from .values import TextKind
from .versions import Version

__all__ = ["SyncString", "open_syncstring"]


class SyncString:
    """A text that many participants edit; open it with ``open_syncstring``.

    What is set is local until ``commit``.
    """

    def __init__(self, document: SyncDocument[str]) -> None:
        self.document = document

    @property
    def text(self) -> str:
        """The text as one has it."""
        return self.document.value

    @text.setter
    def text(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a synced text cannot be a {type(text).__name__}")
        self.document.replace(text)

    def __len__(self) -> int:
        return len(self.text)

    async def commit(self) -> bool:
        """Share the edits; returns once they are stored, with whether there were any."""
        patch = self.document.commit()
        await self.document.save()
        return patch is not None

    def on_change(self, listener: Callable[[str], object]) -> Callable[[], None]:
        """Call with the text when others have changed it; return what disconnects the listener."""
        return self.document.changes.connect(lambda _before: listener(self.text))

    def versions(self) -> list[Version]:
        """Return all versions that are loaded, oldest first."""
        return self.document.versions()

    async def save_to_disk(self) -> None:
        """Commit, and return when the project has written the file; see ``save_to_disk``."""
        await save_to_disk(self.document)

    async def close(self) -> None:
        """Commit, store and leave; calling it again does nothing."""
        await self.document.close()


def open_syncstring(
    client: Client,
    *,
    project_id: str,
    path: str,
    cursors: bool = True,
    ephemeral: bool = False,
    participant: str | None = None,
) -> Opening[SyncString]:
    """Open a text: ``await`` it, or use it in ``async with``; see ``open_syncdb``."""

    async def open_it() -> SyncString:
        document = await open_document(
            client,
            TextKind(),
            DocumentType(None, cursors, ephemeral),
            project_id=project_id,
            path=path,
            participant=participant or await name_of(client),
        )
        return SyncString(document)

    return Opening(open_it)
