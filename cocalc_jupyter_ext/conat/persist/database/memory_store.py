"""A stream in memory, with the contract of one on disk (conat-sync §2.11)."""

import sqlite3
import time

from ..config import StreamConfig
from .compression import Compression
from .database_store import DatabaseStore, WallClock

__all__ = ["MemoryStore"]


class MemoryStore(DatabaseStore):
    """An ephemeral stream: content and numbering go with ``close``.

    Its bytes are always limited, by at most 64 MB (conat-sync §2.6).
    """

    def __init__(self, place: str = "an ephemeral stream", *, clock: WallClock = time.time) -> None:
        """Create an empty stream; ``place`` names it in errors."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        super().__init__(connection, place, clock=clock, compression=Compression(None))

    def _in_force(self, config: StreamConfig) -> StreamConfig:
        return config.for_ephemeral()
