"""When archives are brought up to date (conat-sync §2.10)."""

import asyncio

from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.persist.server.archiver import ARCHIVE_INTERVAL_S, Archiver

from ....support import virtual_time


class Archive:
    """Notes when it is written."""

    def __init__(self, *, fails: bool = False) -> None:
        self.times_s: list[float] = []
        self._fails = fails

    async def write(self) -> None:
        self.times_s.append(asyncio.get_running_loop().time())
        if self._fails:
            raise ConatError("the disk is full")


def test_a_change_is_copied_at_once_and_more_of_them_after_the_interval() -> None:
    """conat-sync §7.4: after another write and one interval the archive has changed."""

    async def scenario() -> None:
        archive = Archive()
        archiver = Archiver(archive.write, ARCHIVE_INTERVAL_S)
        for _ in range(3):
            archiver.note_change()
            await virtual_time.settle()
        await asyncio.sleep(100)
        archiver.note_change()
        await asyncio.sleep(100)

        assert archive.times_s == [0, 30, 100]
        await archiver.close()

    virtual_time.run(scenario())


def test_a_copy_that_fails_is_tried_again_with_the_next_change() -> None:
    async def scenario() -> None:
        archive = Archive(fails=True)
        archiver = Archiver(archive.write, 1)
        for _ in range(2):
            archiver.note_change()
            await asyncio.sleep(10)

        assert archive.times_s == [0, 10]
        await archiver.close()

    virtual_time.run(scenario())


def test_nothing_is_copied_after_the_end() -> None:
    async def scenario() -> None:
        archive = Archive()
        archiver = Archiver(archive.write, 1)
        archiver.note_change()
        await virtual_time.settle()
        archiver.note_change()

        await archiver.close()
        await archiver.close()
        await asyncio.sleep(10)

        assert archive.times_s == [0]

    virtual_time.run(scenario())
