"""The basis of logs and maps: a mirror of one stream that stays true, and ways to write (§3).

The changefeed is opened first and the stream is loaded afterwards, so nothing falls between. One
task then applies what the feed gives. When the feed says that it may have missed something, the
stream is loaded again and only the difference is told. The mirror never goes back: what was
loaded or told once is not told again, and no deletion is lost.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from ..errors import ConatError
from ..persist.access import Changefeed, Events, Reset, StreamAccess
from ..persist.config import StreamConfig
from ..persist.messages import (
    MAX_BATCH_BYTES,
    Deleted,
    Inventory,
    NewMessage,
    Receipt,
    StoredMessage,
)
from ..signals import Signal
from ..sockets.tasks import Tasks
from .errors import Closed
from .replica import Change, Replica
from .retry import Backoff, Delays, is_final, retry

__all__ = ["CoreStream"]

_log = logging.getLogger(__name__)

LOAD_DELAYS: Final = Delays(start_s=1.5, decay=1.5, max_s=30.0)
CONFIG_DELAYS: Final = Delays(start_s=0.75, decay=1.3, max_s=15.0)
MAX_BATCH_MESSAGES: Final = 500


class CoreStream:
    """A mirror of the stream behind ``access``, which it owns and closes.

    ``changes`` tells every change once and in order, ``progressed`` that a group of them is
    through, ``closed`` that no more will come. ``epoch`` counts how often the feed had a gap:
    what was acknowledged in an earlier one is in the mirror, or gone.
    """

    def __init__(self, access: StreamAccess, name: str, *, start_seq: int | None = None) -> None:
        self.name = name
        self.replica = Replica(start_seq)
        self.epoch = 0
        self.is_closed = False
        self.settings = StreamConfig()
        self.changes: Signal[[Change]] = Signal(f"changes of {name}")
        self.progressed: Signal[[]] = Signal(f"progress of {name}")
        self.closed: Signal[[]] = Signal(f"closing of {name}")
        self._access = access
        self._tasks = Tasks(f"stream-{name}")
        self._reading = asyncio.Lock()
        self._deleted_meanwhile: list[set[int]] = []
        self._acknowledged_seq = 0
        self._has_deleted = False

    async def open(self, config: Mapping[str, object] | None = None) -> None:
        """Load the stream, apply ``config`` and follow the changes (§3.3).

        Tries again until it succeeds; raises what is final: no permission (403), too many (429).
        """
        what = f"loading '{self.name}'"
        feed = await retry(self._load, LOAD_DELAYS, what)
        what = f"configuring '{self.name}'"
        self.settings = await retry(lambda: self._access.config(config or {}), CONFIG_DELAYS, what)
        self._tasks.spawn("changes", self._listen(feed))

    async def close(self) -> None:
        """End everything and forget the messages; calling it again does nothing."""
        if self.is_closed:
            return
        self.is_closed = True
        self._tasks.cancel_all()
        await self._tasks.wait_until_ended()
        await self._access.close()
        self.replica = Replica()
        self.closed.emit()
        for signal in (self.changes, self.progressed, self.closed):
            signal.clear()

    def check_open(self) -> None:
        """Raise Closed after closing."""
        if self.is_closed:
            raise Closed(self.name)

    def has_seen(self, seq: int) -> bool:
        """Return whether the update of a number has been applied, or will never come."""
        return self.replica.has_seen(seq)

    # Write

    async def publish(self, message: NewMessage, *, timeout_s: float | None = None) -> Receipt:
        """Store one message; raises what the server refuses."""
        self.check_open()
        receipt = await self._access.set(message, timeout_s=timeout_s)
        self._acknowledged_seq = receipt.seq
        return receipt

    async def publish_many(
        self, messages: Sequence[NewMessage], *, timeout_s: float | None = None
    ) -> AsyncGenerator[tuple[NewMessage, Receipt | ConatError], None]:
        """Store messages and yield each with its answer, request by request (§3.6).

        A request carries at most 500 messages. Raises when one fails as a whole; then neither
        its messages nor those behind it have an answer.
        """
        for batch in _batches(messages):
            self.check_open()
            for pair in zip(
                batch, await self._access.set_many(batch, timeout_s=timeout_s), strict=True
            ):
                if isinstance(pair[1], Receipt):
                    self._acknowledged_seq = pair[1].seq
                yield pair

    async def delete(
        self,
        *,
        all: bool = False,  # noqa: A002 - the name of the contract
        last_seq: int | None = None,
        seq: int | None = None,
        seqs: Sequence[int] | None = None,
    ) -> list[int]:
        """Delete from the stream for everybody; return the numbers. The mirror follows at once."""
        self.check_open()
        epoch, newest_seq = self.epoch, max(self.replica.newest_seq, self._acknowledged_seq)
        deleted = await self._access.delete(all=all, last_seq=last_seq, seq=seq, seqs=seqs)
        if epoch == self.epoch:
            # Numbers that were given without being there may belong to later messages.
            known = [each for each in deleted if seqs is None or each <= newest_seq]
            self._has_deleted = True
            self._process(self._apply([Deleted(known)]))
        return deleted

    async def config(self, wanted: Mapping[str, object] | None = None) -> StreamConfig:
        """Change the given fields of the configuration; return what is in force (§2.6)."""
        self.check_open()
        self.settings = await self._access.config(wanted or {})
        return self.settings

    async def inventory(self) -> Inventory:
        """Return how much the server holds."""
        self.check_open()
        return await self._access.inventory()

    # Read

    async def load_older(self, start_seq: int = 0, *, emit: bool = True) -> None:
        """Load what is before the messages held, down to ``start_seq`` (§3.6 ``load``).

        Each message is told as a change unless ``emit`` is False. Raises when it fails, and then
        nothing has changed.
        """
        self.check_open()
        async with self._reading:
            oldest = self.replica.entries[0].seq if len(self.replica) else None
            before = oldest if oldest is not None else self.replica.start_seq
            if not before or start_seq >= before:
                return
            with self._deletions() as deleted:
                found = await self._fetch(start_seq, before - 1)
            kept = [message for message in found if message.seq not in deleted]
            changes = self.replica.add_older(kept, start_seq)
        self._process(changes if emit else [])

    async def _load(self) -> Changefeed:
        feed = await self._access.changefeed()
        try:
            self.replica.load(await self._fetch(self.replica.start_seq or 0))
        except BaseException:
            feed.close()
            raise
        return feed

    async def _fetch(self, start_seq: int, end_seq: int | None = None) -> list[StoredMessage]:
        batches = self._access.get_all(start_seq=start_seq, end_seq=end_seq)
        return [message async for batch in batches for message in batch]

    async def _listen(self, feed: Changefeed) -> None:
        """Apply what the feed gives; get a new one when it ends, until closed."""
        backoff = Backoff(LOAD_DELAYS)
        try:
            while True:
                await self._follow(feed, backoff)
                await asyncio.sleep(backoff.next_s())
                what = f"following '{self.name}'"
                feed = await retry(self._access.changefeed, LOAD_DELAYS, what)
                await self._reset(Reset())
        except ConatError as error:
            _log.error("'%s' does not change any more: %s", self.name, error)
        finally:
            feed.close()

    async def _follow(self, feed: Changefeed, backoff: Backoff) -> None:
        try:
            async for events in feed:
                await self._take(events)
                backoff.reset()
        except ConatError as error:
            if is_final(error):
                raise
            _log.warning("the changes of '%s' ended and are followed anew: %s", self.name, error)
        finally:
            feed.close()

    async def _take(self, events: Events) -> None:
        if isinstance(events, Reset):
            await self._reset(events)
        else:
            self._process(self._apply(events))
        if self.replica.missing is not None and "gaps" not in self._tasks:
            self._tasks.spawn("gaps", self._fill_gaps())

    async def _reset(self, reset: Reset) -> None:
        """Load everything again if something may be missing, and tell the difference."""
        self.epoch += 1
        self._acknowledged_seq = 0
        changes: list[Change] = []
        # What was deleted here may be ahead of what the reset tells: equal counts prove nothing.
        is_ahead, self._has_deleted = self._has_deleted, False
        if is_ahead or reset.concerns(len(self.replica), self.replica.newest_seq):
            async with self._reading:
                with self._deletions() as deleted:
                    found = await retry(
                        lambda: self._fetch(self.replica.start_seq or 0),
                        LOAD_DELAYS,
                        f"loading '{self.name}' again",
                    )
                changes = self.replica.replace(m for m in found if m.seq not in deleted)
        self._process(changes)

    async def _fill_gaps(self) -> None:
        """Ask for skipped numbers until none is left (§3.5)."""
        try:
            while (missing := self.replica.missing) is not None:
                first, last = missing
                epoch = self.epoch
                found = await retry(
                    lambda first=first, last=last: self._fetch(first, last),  # type: ignore[misc]
                    LOAD_DELAYS,
                    f"filling a gap of '{self.name}'",
                )
                if epoch == self.epoch:
                    self._process(self.replica.fill(found, last))
        except ConatError as error:
            _log.error("'%s' may lack messages that were skipped: %s", self.name, error)

    def _apply(self, updates: Iterable[object]) -> Iterator[Change]:
        """Apply updates one after another, as they are consumed."""
        for update in updates:
            if isinstance(update, Deleted):
                for deleted in self._deleted_meanwhile:
                    deleted.update(update.seqs)
            yield from self.replica.apply(update)  # type: ignore[arg-type]

    def _process(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self.changes.emit(change)
        self.progressed.emit()

    @contextmanager
    def _deletions(self) -> Iterator[set[int]]:
        """Collect what is deleted meanwhile, so that a slower answer does not bring it back."""
        deleted: set[int] = set()
        self._deleted_meanwhile.append(deleted)
        try:
            yield deleted
        finally:
            self._deleted_meanwhile.remove(deleted)


def _batches(messages: Sequence[NewMessage]) -> Iterator[list[NewMessage]]:
    """Cut a list into requests of bounded count and size; one message always fits."""
    batch: list[NewMessage] = []
    size = 0
    for message in messages:
        if batch and (
            len(batch) == MAX_BATCH_MESSAGES or size + len(message.raw) > MAX_BATCH_BYTES
        ):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += len(message.raw)
    if batch:
        yield batch
