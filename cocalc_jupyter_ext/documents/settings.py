"""The numbers that govern documents, as one value."""

from dataclasses import dataclass, field

from .autosave import AutosaveTimes

__all__ = ["DocumentSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSettings:
    """Times in seconds, sizes in bytes.

    ``file_poll_s`` is how often the plain file is looked at for changes from outside;
    ``close_delay_s`` how long a document stays open after its last holder released it;
    ``compact_bytes`` the size from which a log is compacted while its document is open;
    ``max_backlog_bytes`` how much may wait to become durable before peers are asked to wait.
    """

    autosave: AutosaveTimes = field(default_factory=AutosaveTimes)
    file_poll_s: float = 1.0
    close_delay_s: float = 60.0
    compact_bytes: int = 4_000_000
    max_backlog_bytes: int = 100_000_000
