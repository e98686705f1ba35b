"""Synced documents of records between participants (syncdoc-jupyter §2, §13 "DB documents")."""

import asyncio
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.sync.opening import open_astream
from cocalc_jupyter_ext.documents.syncdoc.coordination import string_id
from cocalc_jupyter_ext.documents.syncdoc.records import FieldError
from cocalc_jupyter_ext.documents.syncdoc.syncdb import open_syncdb

from ...support.persist import World
from ...support.synced_notebooks import PROJECT, SYNCED, join_notebook
from ...support.waiting import until


async def test_records_that_one_commits_others_get_with_their_keys(world: World) -> None:
    ann, bob = await join_notebook(world, "ann"), await join_notebook(world, "bob")
    told: list[list[dict[str, Any]]] = []
    bob.on_change(told.append)

    ann.set([{"type": "cell", "id": "a", "pos": 0, "input": "1"}, {"type": "user", "id": 0}])
    assert await ann.commit()
    await until(lambda: len(bob) == 2)

    assert bob.get({"type": "cell"}) == [{"type": "cell", "id": "a", "pos": 0, "input": "1"}]
    assert bob.get_one({"id": 0}) == {"type": "user", "id": 0}
    assert sorted(str(key) for key in told[0]) == [
        "{'type': 'cell', 'id': 'a'}",
        "{'type': 'user', 'id': 0}",
    ]


async def test_what_json_does_not_have_is_refused_and_the_document_goes_on(world: World) -> None:
    ann, bob = await join_notebook(world, "ann"), await join_notebook(world, "bob")
    ok = {"type": "cell", "id": "a", "input": "1"}

    for odd in ({"metadata": {"x": {1}}}, {"metadata": {1: 2}}, {"input": 5}):
        with pytest.raises(FieldError):
            ann.set([ok, {"type": "cell", "id": "b", **odd}])
    assert len(ann) == 0
    ann.set(ok)
    await ann.commit()

    await until(lambda: bob.get() == [ok])


async def test_two_edit_one_cell_and_different_fields_at_once(world: World) -> None:
    ann, bob = await join_notebook(world, "ann"), await join_notebook(world, "bob")
    ann.set({"type": "cell", "id": "a", "input": "one\ntwo\nthree\n", "metadata": {"x": 1}})
    await ann.commit()
    await until(lambda: len(bob) == 1)

    ann.set({"type": "cell", "id": "a", "input": "ONE\ntwo\nthree\n", "metadata": {"y": 2}})
    bob.set({"type": "cell", "id": "a", "input": "one\ntwo\nthree!\n", "metadata": {"z": 3}})
    await asyncio.gather(ann.commit(), bob.commit())
    wanted = {
        "type": "cell",
        "id": "a",
        "input": "ONE\ntwo\nthree!\n",
        "metadata": {"x": 1, "y": 2, "z": 3},
    }
    await until(lambda: ann.get_one() == bob.get_one() == wanted)


async def test_the_settings_of_a_notebook_are_one_record_without_id(world: World) -> None:
    db = await join_notebook(world, "ann")

    db.set({"type": "settings", "id": "main", "kernel": "python3"})
    db.set({"type": "settings", "trust": True})

    assert db.get({"type": "settings", "id": "main"}) == [
        {"type": "settings", "kernel": "python3", "trust": True}
    ]
    assert db.delete({"type": "settings", "id": "main"}) == 1


async def test_the_messages_in_the_stream_are_those_of_the_contract(world: World) -> None:
    client = await world.client()
    db = await join_notebook(world, "ann", client=client)
    db.set({"type": "cell", "id": "a", "pos": 0})
    await db.commit()

    stream = await open_astream(
        client, name=f"patches:{string_id(PROJECT, SYNCED)}", project_id=PROJECT
    )
    message = await stream.get(1)
    await stream.close()

    assert message == {
        "time": db.versions()[0].time,
        "wall": db.versions()[0].wall_ms,
        "patch": '[1,[{"type":"cell","id":"a","pos":0}]]',
        "user_id": 0,
        "is_snapshot": False,
        "parents": [],
        "version": 1,
        "format": 1,
    }


async def test_other_fields_than_keys_cannot_be_searched_and_input_must_be_text(
    world: World,
) -> None:
    db = await join_notebook(world, "ann")
    db.set({"type": "cell", "id": "a", "input": ""})

    with pytest.raises(FieldError):
        db.get({"pos": 1})
    with pytest.raises(FieldError):
        db.set({"type": "cell", "id": "a", "input": 5})
    with pytest.raises(ValueError, match="at least one primary key"):
        open_syncdb(await world.client(), project_id=PROJECT, path="x", primary_keys=[])


async def test_ten_thousand_patches_do_not_make_editing_slow(world: World) -> None:
    """Commit and value stay fast; the time is printed by bench/sync, here it must just end."""
    ann = await join_notebook(world, "ann")
    for number in range(10_000):
        ann.set({"type": "cell", "id": str(number % 100), "pos": number})
        ann.document.commit()
    async with asyncio.timeout(60):
        await ann.document.save()

    bob = await join_notebook(world, "bob")

    assert bob.document.text == ann.document.text
    assert len(bob.versions()) == 10_000
