"""Who is where in a document (syncdoc-jupyter §1.12)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.documents.syncdoc.cursors import (
    MAX_PARTICIPANTS,
    Cursor,
    CursorMap,
    Cursors,
    open_cursors,
)

from ...support.persist import World, persist_world
from ...support.waiting import until

PROJECT = "11111111-2222-4333-8444-555555555555"
HERE = [{"x": 3, "y": 1}]


def told(user_id: object = 0, locs: object = HERE, time: object = 1_000_000) -> dict[str, Any]:
    return {"user_id": user_id, "locs": locs, "time": time}


def test_the_last_word_of_each_participant_counts() -> None:
    cursors = CursorMap()

    assert cursors.take(told()) == 0
    assert cursors.take(told(locs=[{"x": 0, "y": 0}], time=1_000_001)) == 0
    assert cursors.at(1_000_001) == {0: Cursor([{"x": 0, "y": 0}], 1_000_001)}
    assert cursors.take(told(locs=None)) == 0
    assert cursors.at(1_000_001) == {}


@pytest.mark.parametrize("now", [1_000_000 + 60_001, 1_000_000 - 10_001])
def test_cursors_that_are_old_or_from_the_future_are_not_shown(now: int) -> None:
    cursors = CursorMap()
    cursors.take(told())

    assert cursors.at(now) == {}
    assert cursors.at(1_000_000 + 60_000) != {}


@pytest.mark.parametrize("message", [None, 7, {}, told(user_id="me"), told(time="now")])
def test_what_makes_no_sense_is_passed_over(message: object) -> None:
    assert CursorMap().take(message) is None


def test_the_number_of_participants_is_bounded() -> None:
    cursors = CursorMap()
    for user_id in range(MAX_PARTICIPANTS):
        cursors.take(told(user_id))

    assert cursors.take(told(MAX_PARTICIPANTS)) is None
    assert cursors.take(told(5)) == 5


async def follow(
    world: World, who: str, users: Callable[[], list[str]] = lambda: ["ann", "bob"]
) -> Cursors:
    cursors = await open_cursors(
        await world.client(),
        project_id=PROJECT,
        path="a.md",
        users=users,
        participant=who,
    )
    world.stack.push_async_callback(cursors.close)
    return cursors


async def test_others_see_where_one_is_and_that_one_has_gone(tmp_path: Path) -> None:
    async with persist_world(tmp_path) as world:
        ann, bob, stranger = [await follow(world, who) for who in ("ann", "bob", "eve")]
        moved: list[str] = []
        bob.changes.connect(moved.append)

        stranger.set(HERE)
        ann.set(HERE)
        await until(lambda: list(bob.get()) == ["ann"])
        assert bob.get()["ann"].places == HERE
        assert ann.get() == {}

        await ann.close()
        await ann.close()
        await until(lambda: bob.get() == {})
        assert set(moved) == {"ann"}


async def test_whose_number_changes_leaves_no_cursor_under_the_old_one(tmp_path: Path) -> None:
    users = ["bob"]
    async with persist_world(tmp_path) as world:
        ann = await follow(world, "ann", lambda: users)
        bob = await follow(world, "bob", lambda: users)

        bob.set(HERE)
        users[:] = ["eve", "bob"]
        await until(lambda: list(ann.get()) == ["eve"])
        bob.set([{"x": 4, "y": 1}])
        await until(lambda: list(ann.get()) == ["bob"])
        assert ann.get()["bob"].places == [{"x": 4, "y": 1}]


async def test_many_moves_are_told_seldom_and_the_last_one_always(tmp_path: Path) -> None:
    async with persist_world(tmp_path) as world:
        ann, bob = await follow(world, "ann"), await follow(world, "bob")
        moved: list[str] = []
        bob.changes.connect(moved.append)

        for column in range(50):
            ann.set([{"x": column, "y": 0}])
        await until(lambda: bool(bob.get()) and bob.get()["ann"].places == [{"x": 49, "y": 0}])

        assert len(moved) == 2
