"""What was freed goes back to the machine when there is much of it."""

import asyncio
import ctypes
import gc
import threading
import weakref

from cocalc_jupyter_ext.server.freed_memory import FreedMemory, trim_of


class Machine:
    """A process of some size, which shrinks to another one when it is trimmed."""

    def __init__(self, size: int, least: int) -> None:
        self.size = size
        self.least = least
        self.trims: list[threading.Thread] = []
        self.looks = 0
        self.looked = asyncio.Event()

    def used(self) -> int:
        self.looks += 1
        self.looked.set()
        return self.size

    def trim(self) -> None:
        self.trims.append(threading.current_thread())
        self.size = self.least

    async def look(self, times: int = 3) -> None:
        """Wait until it was looked at so many times more."""
        async with asyncio.timeout(10):
            wanted = self.looks + times
            while self.looks < wanted:
                self.looked.clear()
                await self.looked.wait()


async def test_memory_is_given_back_while_much_more_is_used_than_at_the_start() -> None:
    machine = Machine(100, least=120)
    memory = FreedMemory(
        lambda: 0, every_s=0.001, worth_bytes=50, used=machine.used, trim=machine.trim
    )
    await memory.start()
    machine.size = 149
    await machine.look()
    assert machine.trims == []

    machine.size = 150
    await machine.look()
    assert machine.size == 120
    assert len(machine.trims) == 1

    machine.size = machine.least = 200
    await machine.look(5)
    await memory.stop()
    await memory.stop()
    assert len(machine.trims) > 3
    assert threading.main_thread() not in machine.trims


class Node:
    """Refers to itself, so that only the search for garbage finds it."""

    def __init__(self) -> None:
        self.itself = self


async def test_what_closed_documents_leave_is_searched_for() -> None:
    machine = Machine(100, least=200)
    documents = [1, 2]
    memory = FreedMemory(
        lambda: len(documents), every_s=0.001, worth_bytes=50, used=machine.used, trim=machine.trim
    )
    gc.disable()
    try:
        await memory.start()
        machine.size = 200
        await machine.look()
        garbage = weakref.ref(Node())
        await machine.look()
        assert garbage() is not None

        documents.pop()
        await machine.look()
        assert garbage() is None
    finally:
        gc.enable()
        await memory.stop()


def test_a_library_that_cannot_do_it_is_left_alone() -> None:
    assert trim_of(object()) is None


def test_the_library_of_this_machine_is_asked_without_harm() -> None:
    trim = trim_of(ctypes.CDLL(None))

    assert trim is None or trim() in {0, 1}
