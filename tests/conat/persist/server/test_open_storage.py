"""Sharing of open streams, and their work in threads (conat-sync §1.4)."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.persist.access import StorageOptions
from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore
from cocalc_jupyter_ext.conat.persist.errors import Rejected, StoreClosed, StoreFull
from cocalc_jupyter_ext.conat.persist.messages import NewMessage, Receipt, Stored, Update
from cocalc_jupyter_ext.conat.persist.server.open_storage import MAX_GROUP, OpenStorage, Storages
from cocalc_jupyter_ext.conat.persist.store import Change

from ....support.persist import message
from ....support.waiting import until

HUB = StorageOptions("hub/demo")


class SlowStore(MemoryStore):
    """A store whose calls wait for permission, and are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go = threading.Event()
        self.may_go.set()
        self.begun = 0
        self.transactions: list[int] = []
        self.fails = False
        self.is_closed = False
        self._turn = threading.Lock()

    def set_many(self, messages: Sequence[NewMessage]) -> Change[Any]:
        assert self._turn.acquire(blocking=False), "two calls at a time"
        try:
            self.begun += 1
            self.may_go.wait(10)
            self.transactions.append(len(messages))
            if self.fails:
                raise StoreFull("the disk is full")
            return super().set_many(messages)
        finally:
            self._turn.release()

    def close(self) -> None:
        self.is_closed = True
        super().close()


class World:
    """Storages of slow stores."""

    def __init__(self) -> None:
        self.stores: list[SlowStore] = []
        self.storages = Storages(self.open)
        self.error: Exception | None = None
        self.may_open = threading.Event()
        self.may_open.set()

    def open(self, _options: StorageOptions) -> SlowStore:
        self.may_open.wait(10)
        if self.error is not None:
            raise self.error
        self.stores.append(SlowStore())
        return self.stores[-1]


@pytest.fixture
async def world() -> Any:
    world = World()
    yield world
    await world.storages.close()


async def test_a_path_is_opened_once_for_all_who_use_it(world: World) -> None:
    world.may_open.clear()
    opening = [asyncio.create_task(world.storages.acquire(HUB)) for _ in range(3)]
    await asyncio.sleep(0)
    world.may_open.set()

    first, second, third = await asyncio.gather(*opening)

    assert first is second is third
    assert len(world.stores) == 1


async def test_a_stream_is_closed_by_its_last_user(world: World) -> None:
    storage = await world.storages.acquire(HUB)
    await world.storages.acquire(StorageOptions("hub/demo", ephemeral=True))

    await world.storages.release(storage)
    assert not world.stores[0].is_closed
    await world.storages.release(storage)

    assert world.stores[0].is_closed
    assert len(world.storages) == 0


async def test_who_opens_a_path_that_is_being_closed_gets_a_new_stream(world: World) -> None:
    storage = await world.storages.acquire(HUB)
    world.stores[0].may_go.clear()
    storing = asyncio.create_task(storage.set_many([message(1)]))
    await until(lambda: world.stores[0].begun == 1)
    closing = asyncio.create_task(world.storages.release(storage))
    opening = asyncio.create_task(world.storages.acquire(HUB))
    await asyncio.sleep(0)
    world.stores[0].may_go.set()

    assert (await opening) is not storage

    await asyncio.gather(storing, closing)
    assert world.stores[0].is_closed
    assert not world.stores[1].is_closed


async def test_a_path_that_could_not_be_opened_can_be_tried_again(world: World) -> None:
    world.error = StoreFull("the disk is full")
    with pytest.raises(StoreFull):
        await world.storages.acquire(HUB)
    world.error = None

    await world.storages.acquire(HUB)

    assert len(world.storages) == 1


async def test_who_gives_up_waiting_leaves_no_stream_open(world: World) -> None:
    world.may_open.clear()
    opening = asyncio.create_task(world.storages.acquire(HUB))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    world.may_open.set()

    await until(lambda: len(world.storages) == 0)

    assert all(store.is_closed for store in world.stores)


async def test_messages_that_wait_are_stored_in_one_transaction_and_in_order(world: World) -> None:
    storage = await world.storages.acquire(HUB)
    store = world.stores[0]
    store.may_go.clear()
    storing = [
        asyncio.create_task(storage.set_many([message(n)])) for n in range(2 * MAX_GROUP + 1)
    ]
    await asyncio.sleep(0)
    store.may_go.set()

    outcomes = await asyncio.gather(*storing)

    assert store.transactions == [MAX_GROUP, MAX_GROUP, 1]
    seqs = [outcome.seq for (outcome,) in outcomes if isinstance(outcome, Receipt)]
    assert seqs == list(range(1, 2 * MAX_GROUP + 2))


async def test_the_event_loop_goes_on_while_a_store_works(world: World) -> None:
    storage = await world.storages.acquire(HUB)
    world.stores[0].may_go.clear()
    storing = asyncio.create_task(storage.set_many([message(1)]))
    other = await world.storages.acquire(StorageOptions("hub/other"))

    assert await other.set_many([message(1)])

    assert not storing.done()
    world.stores[0].may_go.set()
    await storing


async def test_a_refused_message_stops_no_other(world: World) -> None:
    storage = await world.storages.acquire(HUB)
    await storage.change(lambda store: store.config({"max_msg_size": 3}))

    outcomes = await storage.set_many([message(1), message("too large"), message(2)])

    assert [type(outcome) for outcome in outcomes] == [Receipt, Rejected, Receipt]


async def test_an_error_of_the_file_reaches_all_who_waited(world: World) -> None:
    storage = await world.storages.acquire(HUB)
    world.stores[0].fails = True
    storing = [asyncio.create_task(storage.set_many([message(n)])) for n in range(3)]

    outcomes = await asyncio.gather(*storing, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [StoreFull] * 3


async def test_updates_are_told_before_their_caller_knows(world: World) -> None:
    storage = await world.storages.acquire(HUB)
    order: list[Any] = []

    def note(updates: Sequence[Update]) -> None:
        order.extend(each.message.seq for each in updates if isinstance(each, Stored))

    storage.updates.connect(note)

    await storage.set_many([message(1)])
    order.append("known")
    await storage.set_many([message(2)])

    assert order == [1, "known", 2]


async def test_what_was_begun_is_done_although_nobody_waits(world: World) -> None:
    storage = await world.storages.acquire(HUB)
    world.stores[0].may_go.clear()
    told: list[Any] = []
    storage.updates.connect(told.append)
    storing = asyncio.create_task(storage.set_many([message(1)]))
    await until(lambda: world.stores[0].begun == 1)
    storing.cancel()
    await asyncio.gather(storing, return_exceptions=True)
    world.stores[0].may_go.set()

    assert (await storage.read(lambda store: store.inventory())).count == 1
    assert len(told) == 1


async def test_batches_leave_room_for_other_calls(world: World) -> None:
    storage = await world.storages.acquire(HUB)
    big = bytes(11_000_000)
    await storage.set_many([NewMessage(raw=big) for _ in range(4)])
    seqs = []

    async for batch in storage.batches(None, None, lambda batch: [each.seq for each in batch]):
        seqs.append(batch)
        await storage.set_many([message("later")])

    assert seqs[:2] == [[1, 2], [3, 4]]


async def test_a_closed_stream_refuses_calls(world: World) -> None:
    storage = await world.storages.acquire(HUB)
    await world.storages.release(storage)

    with pytest.raises(StoreClosed):
        await storage.set_many([message(1)])


async def test_closing_everything_finishes_what_was_asked_for() -> None:
    world = World()
    storage = await world.storages.acquire(HUB)
    world.stores[0].may_go.clear()
    storing = asyncio.create_task(storage.set_many([message(1)]))
    await until(lambda: world.stores[0].begun == 1)
    closing = asyncio.create_task(world.storages.close())
    await asyncio.sleep(0)
    world.stores[0].may_go.set()

    (outcome,) = await storing

    assert isinstance(outcome, Receipt)
    await closing
    assert world.stores[0].is_closed
    assert isinstance(storage, OpenStorage)
