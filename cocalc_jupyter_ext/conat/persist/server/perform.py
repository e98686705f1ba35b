"""What the commands of a persist socket do with an open stream (conat-sync §1.5)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeAlias, assert_never

from ...errors import ConatError
from ...protocol.codec import encode
from ..errors import StoreError
from ..messages import NewMessage, Receipt, StoredMessage
from ..wire import inventory_to_wire, outcome_to_wire, stored_to_wire
from .open_storage import OpenStorage
from .requests import (
    Config,
    Delete,
    Get,
    GetAll,
    Keys,
    Reply,
    Set,
    SetMany,
    Sqlite,
    TakeInventory,
    found,
)

__all__ = ["StreamCommand", "all_batches", "perform"]

StreamCommand: TypeAlias = Set | SetMany | Get | Delete | Config | TakeInventory | Keys | Sqlite
"""The commands with one reply that need nothing but the stream."""


async def perform(storage: OpenStorage, command: StreamCommand) -> Reply:  # noqa: PLR0911 - one for each command
    """Return the reply, once what was asked is done and committed; raises StoreError."""
    match command:
        case Set(message):
            return await _set(storage, message)
        case SetMany(items):
            return Reply([outcome_to_wire(each) for each in await _set_many(storage, items)])
        case Get(seq, key):
            return found(await storage.read(lambda store: store.get(seq=seq, key=key)))
        case Delete():
            return await _delete(storage, command)
        case Config(wanted):
            config = await storage.change(lambda store: store.config(wanted))
            return Reply(config.to_wire())
        case TakeInventory():
            return Reply(inventory_to_wire(await storage.read(lambda store: store.inventory())))
        case Keys():
            return Reply(await storage.read(lambda store: store.keys()))
        case Sqlite():
            raise StoreError("sqlite command not currently supported")
    assert_never(command)


async def all_batches(storage: OpenStorage, command: GetAll) -> AsyncGenerator[Reply, None]:
    """Yield the replies to ``getAll``: batches numbered from 0, and an end without payload."""
    count = 0
    batches = storage.batches(command.start_seq, command.end_seq, _encode_batch)
    async with aclosing(batches):
        async for raw in batches:
            yield Reply(raw=raw, headers={"seq": count})
            count += 1
    yield Reply(headers={"seq": count})


def _encode_batch(batch: list[StoredMessage]) -> bytes:
    return encode([stored_to_wire(message) for message in batch])


async def _set(storage: OpenStorage, message: NewMessage) -> Reply:
    (outcome,) = await storage.set_many([message])
    if isinstance(outcome, ConatError):
        raise outcome
    return Reply(outcome_to_wire(outcome))


async def _set_many(
    storage: OpenStorage, items: Sequence[NewMessage | StoreError]
) -> list[Receipt | StoreError]:
    """Store those items that can be, and return an outcome for each."""
    messages = [item for item in items if isinstance(item, NewMessage)]
    outcomes = iter(await storage.set_many(messages) if messages else [])
    return [next(outcomes) if isinstance(item, NewMessage) else item for item in items]


async def _delete(storage: OpenStorage, command: Delete) -> Reply:
    deleted = await storage.change(
        lambda store: store.delete(
            all=command.all, last_seq=command.last_seq, seq=command.seq, seqs=command.seqs
        )
    )
    return Reply({"seqs": deleted})
