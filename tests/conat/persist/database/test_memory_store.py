from collections.abc import Iterator

import pytest

from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore

from ....contracts.stream_store import SettableClock, StreamStoreContract, message


class TestMemoryStore(StreamStoreContract):
    """An ephemeral stream keeps the whole contract."""

    @pytest.fixture
    def store(self, clock: SettableClock) -> Iterator[MemoryStore]:
        store = MemoryStore(clock=clock)
        yield store
        store.close()


@pytest.mark.parametrize(
    ("wanted", "in_force"),
    [(None, 64_000_000), (-1, 64_000_000), (0, 64_000_000), (10**9, 64_000_000), (1000, 1000)],
)
def test_bytes_are_always_limited_and_what_was_wanted_is_kept(
    wanted: int | None, in_force: int
) -> None:
    store = MemoryStore()

    assert store.config({"max_bytes": wanted}).result.max_bytes == in_force
    assert store.inventory().limits == ({} if wanted in {None, -1} else {"max_bytes": wanted})
    store.close()


def test_the_limit_of_bytes_holds() -> None:
    store = MemoryStore()
    for number in range(4):
        store.set(message(bytes([number]) * 20_000_000))

    assert [m.raw[0] for batch in store.batches() for m in batch] == [1, 2, 3]
    store.close()


def test_content_and_numbers_go_with_the_stream() -> None:
    store = MemoryStore()
    store.set(message())
    store.close()

    again = MemoryStore()

    assert again.keys() == []
    assert again.set(message()).result.seq == 1
    again.close()
