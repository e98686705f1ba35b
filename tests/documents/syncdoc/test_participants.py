"""Who takes part in a document, by number (syncdoc-jupyter §1.4, §1.9)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cocalc_jupyter_ext.documents.syncdoc.participants import Participants
from cocalc_jupyter_ext.documents.syncdoc.stores import RecordStore, open_record

from ...support.persist import persist_world

PROJECT = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
async def record(tmp_path: Path) -> AsyncIterator[RecordStore]:
    async with persist_world(tmp_path) as world:
        record = await open_record(await world.client(), PROJECT, "a.md")
        yield record
        await record.close()


async def test_who_joins_gets_the_next_number_and_keeps_it(record: RecordStore) -> None:
    participants = Participants(record, "ann")
    participants.stay()

    assert participants.join("bob") == 1
    assert participants.join("ann") == participants.own_id == 0
    assert participants.join("bob") == 1
    assert participants.names == ["ann", "bob"]


async def test_who_was_overwritten_takes_part_again(record: RecordStore) -> None:
    participants = Participants(record, "ann")
    participants.stay()

    record.update({"users": ["bob"]})
    participants.stay()

    assert participants.names == ["bob", "ann"]


async def test_one_of_all_puts_everybody_back_in_their_places(record: RecordStore) -> None:
    """A commit names its author by a number, and commits stay."""
    project = Participants(record, PROJECT, keeps_places=True)
    project.stay()
    project.join("ann")
    project.stay()

    record.update({"users": [PROJECT, "bob"]})
    project.stay()

    assert project.names == [PROJECT, "ann", "bob"]
