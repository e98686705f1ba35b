"""Snapshots spare later readers the history (syncdoc-jupyter §1.11)."""

from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.opening import open_document
from cocalc_jupyter_ext.documents.syncdoc.snapshot_maker import PAUSE_MS
from cocalc_jupyter_ext.documents.syncdoc.stores import open_patches, open_record
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind

from ...support.persist import World
from ...support.waiting import until

PROJECT = "11111111-2222-4333-8444-555555555555"
COMMITS = 25


class Clock:
    """A clock that is set by hand, in milliseconds."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms


async def open_it(world: World, clock: Clock) -> SyncDocument[str]:
    client = await world.client()
    record = await open_record(client, PROJECT, "a.md")
    record.update({"users": [], "snapshot_interval": 10})
    document = SyncDocument(
        TextKind(),
        record,
        await open_patches(client, PROJECT, "a.md"),
        participant="ann",
        doctype=DocumentType(),
        now_ms=clock,
    )
    world.stack.push_async_callback(document.close)
    return document


async def write(ann: SyncDocument[str], clock: Clock, step_ms: int) -> None:
    for number in range(COMMITS):
        ann.replace(f"{ann.value}{number}\n")
        ann.commit()
        await ann.save()
        clock.ms += step_ms


async def test_a_snapshot_of_an_old_version_is_published_and_noted_in_the_record(
    world: World,
) -> None:
    ann = await open_it(world, clock := Clock())
    await write(ann, clock, PAUSE_MS)

    noted = ann.record.get()
    await until(lambda: ann.graph.snapshot(noted["last_snapshot"]) is not None)
    snapshot = ann.graph.snapshot(noted["last_snapshot"])
    assert snapshot is not None
    assert snapshot.text == ann.value_at(noted["last_snapshot"])
    assert snapshot.seq == noted["last_seq"]
    assert 1 < noted["last_seq"] < COMMITS


async def test_who_comes_later_has_the_value_without_the_history(world: World) -> None:
    ann = await open_it(world, clock := Clock())
    await write(ann, clock, PAUSE_MS)

    bob = await open_document(
        await world.client(),
        TextKind(),
        DocumentType(),
        project_id=PROJECT,
        path="a.md",
        participant="bob",
    )
    world.stack.push_async_callback(bob.close)

    assert bob.value == ann.value
    assert len(bob.versions()) < COMMITS
    await bob.load_history()
    assert len(bob.versions()) == COMMITS
    assert bob.value == ann.value


async def test_patches_are_looked_through_once_in_a_while_only(world: World) -> None:
    ann = await open_it(world, clock := Clock())
    await write(ann, clock, 1)

    assert "last_snapshot" not in ann.record.get()
    await write(ann, clock, PAUSE_MS)
    assert "last_snapshot" in ann.record.get()
