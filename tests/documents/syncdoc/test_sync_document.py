"""What a participant does beside editing (syncdoc-jupyter §1.9, §1.18, §13)."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.opening import open_document
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch  # noqa: TC001 - also a value
from cocalc_jupyter_ext.documents.syncdoc.stores import open_patches
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind

from ...support.persist import World

PROJECT = "11111111-2222-4333-8444-555555555555"


async def open_it(world: World, who: str = "ann") -> SyncDocument[str]:
    document = await open_document(
        await world.client(),
        TextKind(),
        DocumentType(),
        project_id=PROJECT,
        path="a.md",
        participant=who,
    )
    world.stack.push_async_callback(document.close)
    return document


async def test_an_editor_may_put_what_it_holds_into_the_document_before_a_change(
    world: World,
) -> None:
    ann, bob = await open_it(world), await open_it(world, "bob")
    ann.before_change.connect(lambda: ann.replace("typed\n" + ann.value.removeprefix("typed\n")))
    changed = asyncio.Event()
    ann.changes.connect(lambda _before: changed.set())

    bob.replace("from bob\n")
    bob.commit()
    async with asyncio.timeout(60):
        await changed.wait()

    assert sorted(ann.value.splitlines()) == ["from bob", "typed"]


async def test_what_is_committed_for_another_never_has_a_time_that_this_one_may_choose(
    world: World,
) -> None:
    """Or two commits of one person, on two faces, would be one (§1.9)."""
    project, ann = await open_it(world, PROJECT), await open_it(world)
    await project.save()

    for number in range(5):
        project.replace(f"typed in a page {number}\n")
        patch = project.commit("ann")
        assert patch is not None
        assert project.users[patch.user_id] == "ann"
        assert patch.time % len(project.users) == project.user_id != ann.user_id


async def test_a_message_that_is_no_patch_is_passed_over_and_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    document = await open_it(world)
    stream = await open_patches(await world.client(), PROJECT, "a.md")
    with caplog.at_level(logging.WARNING):
        stream.publish({"time": "soon"})
        stream.publish({"time": 5, "patch": '[[[[1,"x"]],0,0,0,1]]', "user_id": 0})
        await stream.save()
        async with asyncio.timeout(60):
            while document.value != "x":
                await asyncio.sleep(0.005)
    await stream.close()

    assert "is passed over" in caplog.text


async def test_commits_are_told_and_none_is_made_after_closing(world: World) -> None:
    document = await open_it(world)
    told: list[Patch] = []
    document.commits.connect(told.append)
    document.replace("x")
    patch = document.commit()
    assert told == [patch]

    await document.close()
    document.replace("y")

    assert document.commit() is None
    await document.save()


async def test_a_commit_is_told_of_before_it_is_released(world: World) -> None:
    """What is noted about it then comes before it in whatever releases both (SPEC B6)."""
    order: list[str] = []

    def release(publish: Callable[[], None]) -> None:
        order.append("released")
        publish()

    document = await open_document(
        await world.client(),
        TextKind(),
        DocumentType(),
        project_id=PROJECT,
        path="a.md",
        participant="ann",
        release=release,
    )
    world.stack.push_async_callback(document.close)
    document.commits.connect(lambda _patch: order.append("told"))
    document.replace("x")

    document.commit()

    assert order == ["told", "released"]


async def test_saving_waits_until_everything_is_stored(world: World) -> None:
    document = await open_it(world)
    document.replace("x")
    assert document.has_uncommitted_changes

    await document.save()

    assert not document.has_uncommitted_changes
    assert len(document.versions()) == 1


async def test_of_two_commits_with_one_time_none_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who do not know of each other yet may choose the same time (§1.5, §1.9)."""
    ann, bob = await open_it(world), await open_it(world, "bob")
    monkeypatch.setattr(
        "cocalc_jupyter_ext.documents.syncdoc.sync_document.next_time",
        lambda *_now, newest, **_options: newest + 5,
    )
    ann.replace("first line\n\n\nlast line\n")
    ann.commit()
    async with asyncio.timeout(60):
        while bob.value != ann.value:
            await asyncio.sleep(0.005)

    ann.replace("FIRST line\n\n\nlast line\n")
    bob.replace("first line\n\n\nLAST line\n")
    first, second = ann.commit(), bob.commit()
    assert first is not None
    assert second is not None
    assert first.time == second.time
    async with asyncio.timeout(60):
        while not ann.value == bob.value == "FIRST line\n\n\nLAST line\n":
            await asyncio.sleep(0.005)

    assert ann.graph.times == bob.graph.times
    assert len(ann.graph) == 3
