"""When unsaved changes are sent (conat-sync §4.1, §4.2)."""

import asyncio
import itertools

import pytest

from cocalc_jupyter_ext.conat.errors import ConatError, RemoteError, RequestTimeout
from cocalc_jupyter_ext.conat.sync.saver import Pass, Saver
from tests.support import virtual_time


class Work:
    """Something to save, in as many passes as it says; errors come first."""

    def __init__(self, passes: int = 0, *outcomes: ConatError | Pass) -> None:
        self.left = passes
        self.outcomes = list(outcomes)
        self.passes_s: list[float] = []
        self.running = 0
        self.saver = Saver(self.run, lambda: self.left > 0, "box")

    async def run(self) -> Pass:
        self.running += 1
        assert self.running == 1
        self.passes_s.append(round(asyncio.get_running_loop().time(), 3))
        await asyncio.sleep(0)
        self.running -= 1
        if self.outcomes:
            outcome = self.outcomes.pop(0)
            if isinstance(outcome, ConatError):
                raise outcome
            return outcome
        self.left -= 1
        return Pass.COMPLETE


def test_passes_follow_one_another_at_once_until_nothing_is_unsaved() -> None:
    async def check() -> None:
        work = Work(3)
        await work.saver.save()

        assert work.passes_s == [0, 0, 0]

    virtual_time.run(check())


def test_failures_are_followed_by_growing_waits_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        work = Work(1, RequestTimeout("timeout"), Pass.FAILED)
        await work.saver.save()

        assert work.passes_s == pytest.approx([0, 0.195, 0.195 + 0.2535], abs=0.002)

    virtual_time.run(check())
    assert "saving 'box' failed and is tried again: timeout" in caplog.text


def test_a_server_that_is_away_is_told_of_once_and_so_is_its_return(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        await Work(1, *[RequestTimeout("timeout")] * 5).saver.save()

    virtual_time.run(check())
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "saving 'box' failed and is tried again: timeout",
        "'box' is saved again",
    ]


def test_after_a_success_the_waits_begin_anew() -> None:
    async def check() -> None:
        work = Work(2, Pass.FAILED, Pass.FAILED, Pass.COMPLETE, Pass.FAILED)
        await work.saver.save()
        waits = [b - a for a, b in itertools.pairwise(work.passes_s)]

        assert waits == pytest.approx([0.195, 0.2535, 0, 0.195, 0], abs=0.002)

    virtual_time.run(check())


def test_a_final_error_is_raised() -> None:
    async def check() -> None:
        with pytest.raises(RemoteError):
            await Work(1, RemoteError("no", 403)).saver.save()

    virtual_time.run(check())


def test_what_is_blocked_goes_on_as_soon_as_there_is_news() -> None:
    async def check() -> None:
        work = Work(1, Pass.BLOCKED, Pass.BLOCKED)
        saving = asyncio.create_task(work.saver.save())
        await asyncio.sleep(0.1)
        work.saver.wake()
        await saving

        # Once by news, once because its time was up.
        assert work.passes_s == pytest.approx([0, 0.1, 0.1 + 0.2535], abs=0.002)

    virtual_time.run(check())


def test_savings_at_the_same_time_share_their_passes() -> None:
    async def check() -> None:
        work = Work(2)
        await asyncio.gather(work.saver.save(), work.saver.save(), work.saver.save_once())

        assert len(work.passes_s) == 2

    virtual_time.run(check())


def test_one_pass_raises_its_error() -> None:
    async def check() -> None:
        work = Work(5, RequestTimeout("timeout"))
        with pytest.raises(RequestTimeout):
            await work.saver.save_once()
        await work.saver.save_once()

        assert work.left == 4

    virtual_time.run(check())


def test_autosave_saves_what_is_requested() -> None:
    async def check() -> None:
        work = Work()
        work.saver.start()
        for _ in range(2):
            work.left = 1
            work.saver.request()
            await virtual_time.settle()
        assert work.left == 0
        assert work.saver.is_automatic
        await work.saver.close()
        await work.saver.close()

        assert len(work.passes_s) == 2

    virtual_time.run(check())


def test_autosave_ends_with_a_final_error_which_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        work = Work(1, RemoteError("no", 403))
        work.saver.start()
        work.saver.request()
        await virtual_time.settle()
        work.left = 0
        await work.saver.close()

    virtual_time.run(check())
    assert "'box' cannot be saved any more: no" in caplog.text


def test_closing_saves_what_is_left() -> None:
    async def check() -> None:
        work = Work(2)
        work.saver.start()
        await work.saver.close()

        assert work.left == 0

    virtual_time.run(check())


def test_closing_gives_up_after_a_while_and_says_what_that_costs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        work = Work(1, *[RequestTimeout("timeout")] * 100)
        work.saver.start()
        await work.saver.close()

        assert asyncio.get_running_loop().time() == pytest.approx(10.0)

    virtual_time.run(check())
    assert "'box' is closed and loses unsaved changes" in caplog.text


def test_closing_without_autosave_saves_nothing() -> None:
    async def check() -> None:
        work = Work(1)
        await work.saver.close()

        assert work.left == 1

    virtual_time.run(check())
