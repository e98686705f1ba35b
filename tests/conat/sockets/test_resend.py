"""conat-core §14.5; SPEC Z8. On a clock that jumps."""

import asyncio

from cocalc_jupyter_ext.conat.sockets.resend import ResendTimer
from cocalc_jupyter_ext.conat.sockets.sequence import Sender

from ...support import virtual_time


class Resends:
    def __init__(self) -> None:
        self.sender = Sender(10)
        self.times_s: list[float] = []
        self.timer = ResendTimer(self.sender, self.note)

    def note(self) -> None:
        self.times_s.append(round(asyncio.get_running_loop().time(), 2))


def test_after_a_disconnect_it_begins_soon_and_rests_after_two_minutes() -> None:
    async def check() -> None:
        resends = Resends()
        resends.sender.add(b"x", {})
        resends.timer.restart()
        await asyncio.sleep(600)

        assert resends.times_s[:3] == [0.65, 1.5, 2.59]
        assert 100 < resends.times_s[-1] <= 135
        assert not resends.timer.is_running

    virtual_time.run(check())


def test_in_normal_operation_it_is_patient() -> None:
    async def check() -> None:
        resends = Resends()
        resends.sender.add(b"x", {})
        resends.timer.watch()
        resends.timer.watch()
        await asyncio.sleep(10)

        assert resends.times_s == [6.5]

    virtual_time.run(check())


def test_what_is_acknowledged_is_not_sent_again() -> None:
    async def check() -> None:
        resends = Resends()
        resends.sender.add(b"x", {})
        resends.timer.watch()
        resends.sender.acknowledge(1)
        await asyncio.sleep(600)

        assert resends.times_s == []
        assert not resends.timer.is_running
        resends.timer.restart()
        assert not resends.timer.is_running

    virtual_time.run(check())


def test_progress_is_a_reason_to_be_patient_again() -> None:
    async def check() -> None:
        resends = Resends()
        for _ in range(3):
            resends.sender.add(b"x", {})
        resends.timer.restart()
        await asyncio.sleep(0.7)
        resends.sender.acknowledge(1)
        await asyncio.sleep(6)

        assert resends.times_s == [0.65]
        resends.timer.stop()
        await asyncio.sleep(100)
        assert resends.times_s == [0.65]

    virtual_time.run(check())
