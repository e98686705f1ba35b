"""Long work waits for other long work; short work for none."""

import asyncio
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.heavy_work import is_large, one_at_a_time


async def test_long_work_is_done_one_piece_at_a_time_and_short_work_at_once() -> None:
    doing, done = asyncio.Event(), asyncio.Event()
    order: list[str] = []

    async def work(name: str, *, is_long: bool) -> None:
        async with one_at_a_time(is_long=is_long):
            order.append(name)
            doing.set()
            if name == "first":
                await done.wait()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(work("first", is_long=True))
        await doing.wait()
        group.create_task(work("second", is_long=True))
        await work("short", is_long=False)
        assert order == ["first", "short"]
        done.set()
    assert order == ["first", "short", "second"]


async def test_work_that_fails_does_not_keep_others_waiting() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"):
            async with asyncio.timeout(10), one_at_a_time(is_long=True):
                raise ValueError("wrong")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("x" * 900, False),
        (b"x" * 1_000, True),
        ({"cells": [{"source": "x" * 300}] * 2}, False),
        ({"cells": [{"source": "x" * 300}] * 3}, True),
        ({"data": {"x": [0.5] * 20}}, True),
        ({"data": {"x": [0.5] * 10}}, False),
        (None, False),
    ],
)
def test_content_is_large_by_its_text_and_by_the_number_of_its_parts(
    content: Any, expected: bool
) -> None:
    assert is_large(content, 1_000) is expected
