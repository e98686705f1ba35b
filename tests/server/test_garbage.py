"""What lives as long as the server is not looked through for garbage."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from cocalc_jupyter_ext.server.garbage import LongLived


class Node:
    """Refers to itself, so that only the search for garbage finds it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _unfrozen() -> Iterator[None]:
    yield
    gc.unfreeze()


async def test_what_is_there_at_the_start_is_exempt_until_the_server_stops() -> None:
    long_lived = LongLived()
    assert gc.get_freeze_count() == 0

    await long_lived.start()
    assert gc.get_freeze_count() > 10_000

    await long_lived.stop()
    await long_lived.stop()
    assert gc.get_freeze_count() == 0


async def test_garbage_from_before_the_start_is_not_kept() -> None:
    found = weakref.ref(Node())

    await LongLived().start()

    assert found() is None


async def test_garbage_from_after_the_start_is_found() -> None:
    await LongLived().start()
    found = weakref.ref(Node())

    gc.collect()

    assert found() is None
