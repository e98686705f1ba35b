"""Trying again: the waits, and what is never tried again (conat-sync §0, §1.8, §3.3)."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.errors import ClientClosed, ConatError, RemoteError, RequestTimeout
from cocalc_jupyter_ext.conat.persist.errors import PathDenied, StoreClosed
from cocalc_jupyter_ext.conat.sync.retry import Backoff, Delays, is_final, retry
from tests.support import virtual_time

DELAYS = Delays(start_s=1.0, decay=2.0, max_s=5.0)


def test_the_first_wait_is_already_multiplied_and_no_wait_passes_the_limit() -> None:
    backoff = Backoff(DELAYS)

    assert [backoff.next_s() for _ in range(4)] == [2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next_s() == 2.0


def test_no_wait_is_shorter_than_the_least() -> None:
    assert Backoff(Delays(start_s=0.001, decay=1.0, max_s=1.0)).next_s() == 0.05


@pytest.mark.parametrize(
    "error",
    [
        RemoteError("permission denied", 403),
        RemoteError("too many", 429),
        RemoteError("Error: permission denied: path"),
        PathDenied("a//b", None),
        StoreClosed(),
        ClientClosed(),
    ],
)
def test_no_permission_too_many_and_closed_are_final(error: ConatError) -> None:
    assert is_final(error)


@pytest.mark.parametrize(
    "error", [RequestTimeout("timeout"), RemoteError("gap", 503), RemoteError("disk")]
)
def test_everything_else_is_tried_again(error: ConatError) -> None:
    assert not is_final(error)


class Failing:
    def __init__(self, *errors: ConatError) -> None:
        self.errors = list(errors)

    async def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_failures_are_logged_and_followed_by_growing_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def check() -> None:
        action = Failing(RequestTimeout("timeout"), RemoteError("gap", 503))

        assert await retry(action, DELAYS, "loading 'box'") == "done"
        assert asyncio.get_running_loop().time() == pytest.approx(6.0)

    virtual_time.run(check())
    assert "loading 'box' failed and is tried again in 2.0 s: timeout" in caplog.text


def test_a_final_error_is_raised_at_once() -> None:
    async def check() -> None:
        with pytest.raises(RemoteError, match="too many"):
            await retry(Failing(RemoteError("too many", 429)), DELAYS, "loading")
        assert asyncio.get_running_loop().time() == 0

    virtual_time.run(check())
