"""One transaction of a stream: checks, limits, rows, and the updates they cause (§2.5, §2.8)."""

from collections.abc import Callable

from ..config import StreamConfig
from ..errors import WrongLastSequence
from ..messages import Deleted, NewMessage, Receipt, Stored, StoredMessage, Update
from .message_table import MessageTable
from .recent_ids import RecentIds
from .retention import plan_deletions
from .rows import Draft, draft_of

__all__ = ["Writing"]


class Writing:
    """Changes a stream inside of a transaction that somebody else begins and ends.

    ``config`` is what is in force. ``updates`` gathers what happened, in order; ``discarded``
    counts the messages that limits deleted, ``receipts`` has those of messages with an id.
    """

    def __init__(
        self,
        table: MessageTable,
        recent: Callable[[], RecentIds],
        config: StreamConfig,
        now_ms: int,
    ) -> None:
        self._table = table
        self._recent = recent
        self._config = config
        self._now_ms = now_ms
        self.receipts: dict[str, Receipt] = {}
        self.updates: list[Update] = []
        self.discarded = 0

    def store(self, message: NewMessage) -> Receipt:
        """Store a message (conat-sync §2.5).

        Raises Rejected and WrongLastSequence, and then has changed nothing.
        """
        known = self._known(message.msg_id)
        if known is not None:
            return known
        draft = draft_of(message)
        self._check_sequence(message)
        self.enforce(self._config, draft.size)
        receipt = self._insert(draft)
        if message.msg_id:
            self.receipts[message.msg_id] = receipt
        return receipt

    def enforce(self, config: StreamConfig, size: int = 0) -> None:
        """Delete what the limits demand, before a message of ``size`` bytes is stored."""
        for seqs in plan_deletions(config, size, self._now_ms, self._table):
            self._table.delete(seqs)
            self.updates.append(Deleted(seqs))
            self.discarded += len(seqs)

    def remember(self) -> None:
        """Note the message ids; to be called when the transaction has succeeded."""
        for message_id, receipt in self.receipts.items():
            self._recent().remember(message_id, receipt, self._now_ms)

    def _known(self, message_id: str | None) -> Receipt | None:
        if not message_id:
            return None
        return self.receipts.get(message_id) or self._recent().find(message_id, self._now_ms)

    def _check_sequence(self, message: NewMessage) -> None:
        if message.key is None or message.previous_seq is None:
            return
        actual = self._table.seq_of(message.key)
        if actual != message.previous_seq:
            raise WrongLastSequence(message.previous_seq, actual)

    def _insert(self, draft: Draft) -> Receipt:
        message = draft.message
        seq = self._table.insert(draft, self._now_ms)
        stored = StoredMessage(
            seq=seq,
            time_ms=self._now_ms,
            raw=message.raw,
            encoding=message.encoding,
            key=message.key,
            headers=message.headers,
        )
        self.updates.append(Stored(stored, message.msg_id))
        return Receipt(seq, self._now_ms)
