"""The server's settings as one frozen value, built once from the application's traits."""

from dataclasses import dataclass, field
from pathlib import Path

from ..documents.blobs.store import BlobLimits
from ..documents.history.pruning import Limits
from ..documents.settings import DocumentSettings
from ..project.conversion.printing import PrintSettings

__all__ = ["RoomSettings", "ServerSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSettings:
    """Limits of one room connection: sizes in bytes, times in seconds.

    A peer whose unread output exceeds ``max_unsent_bytes`` is disconnected.
    """

    max_message_bytes: int = 100_000_000
    max_unsent_bytes: int = 20_000_000
    keep_alive_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Everything that the extension's parts need to know.

    ``data_folder`` is where documents' logs and the like are kept, outside the notebooks' tree;
    ``log_keep_s`` how long logs of files that are gone are kept, in seconds; ``max_open_files``
    how many documents CoCalc clients may have open at once; ``printing`` how notebooks are made
    PDF files.
    """

    data_folder: Path
    shutdown_timeout_s: float = 10.0
    log_keep_s: float = 30 * 86_400
    hub_service_name: str = "cocalc"
    history: Limits = field(default_factory=Limits)
    max_open_files: int = 1000
    printing: PrintSettings = field(default_factory=PrintSettings)
    documents: DocumentSettings = field(default_factory=DocumentSettings)
    rooms: RoomSettings = field(default_factory=RoomSettings)
    blobs: BlobLimits = field(default_factory=BlobLimits)

    @property
    def blob_folder(self) -> Path:
        """The folder of large outputs."""
        return self.data_folder / "blobs"

    @property
    def log_folder(self) -> Path:
        """The folder of the documents' update logs."""
        return self.data_folder / "documents"

    @property
    def stream_folder(self) -> Path:
        """The folder of the streams that the message fabric serves."""
        return self.data_folder / "sync"
