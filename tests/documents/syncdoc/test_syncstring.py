"""Synced texts between participants (syncdoc-jupyter §1, §13 "SyncDoc (string)")."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.sync.opening import open_dko
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType, string_id
from cocalc_jupyter_ext.documents.syncdoc.opening import open_document
from cocalc_jupyter_ext.documents.syncdoc.patch_graph import UnknownVersion
from cocalc_jupyter_ext.documents.syncdoc.syncstring import SyncString, open_syncstring
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind

from ...support.persist import World
from ...support.waiting import until

PROJECT = "11111111-2222-4333-8444-555555555555"


async def open_text(world: World, who: str, client: Client | None = None) -> SyncString:
    text = await open_syncstring(
        client or await world.client(), project_id=PROJECT, path="notes.md", participant=who
    )
    world.stack.push_async_callback(text.close)
    return text


async def test_a_new_document_is_empty_and_its_creator_is_user_0(world: World) -> None:
    text = await open_text(world, "ann")

    assert text.text == ""
    assert text.versions() == []
    assert text.document.user_id == 0
    assert not text.document.has_uncommitted_changes


async def test_a_text_has_no_records(world: World) -> None:
    text = await open_text(world, "ann")

    text.text = "hello"
    assert len(text.text) == 5
    for name in ("get", "get_one", "set", "delete"):
        assert not hasattr(text, name)


async def test_saving_nothing_returns_and_adds_nothing(world: World) -> None:
    text = await open_text(world, "ann")

    await text.document.save()
    await text.document.save()

    assert not await text.commit()
    assert text.versions() == []


async def test_settings_and_the_interval_of_snapshots_are_shared(world: World) -> None:
    """§1.4, §1.11: an interval of 6 makes a snapshot after 12 commits."""
    ann, bob = await open_text(world, "ann"), await open_text(world, "bob")

    ann.document.record.update({"settings": {"spell": "de"}, "snapshot_interval": 6})
    await until(lambda: bob.document.record.get().get("snapshot_interval") == 6)
    for number in range(13):
        bob.text = f"text {number}"
        await bob.commit()

    assert bob.document.record.get()["settings"] == {"spell": "de"}
    assert bob.document.record.get().get("read_only") is None
    await bob.close()
    again = await open_text(world, "bob")  # who has just come may make one at once
    again.text = "more"
    await again.commit()
    await until(lambda: bool(ann.document.record.get().get("last_snapshot")))


async def test_what_one_commits_others_see(world: World) -> None:
    ann, bob = await open_text(world, "ann"), await open_text(world, "bob")
    seen: list[str] = []
    bob.on_change(seen.append)

    ann.text = "hello"
    assert bob.text == ""
    assert await ann.commit()
    await until(lambda: bob.text == "hello")

    assert seen == ["hello"]
    assert [version.author for version in bob.versions()] == ["ann"]


async def test_simultaneous_edits_of_two_are_both_kept(world: World) -> None:
    ann, bob = await open_text(world, "ann"), await open_text(world, "bob")
    ann.text = "one\ntwo\nthree\n"
    await ann.commit()
    await until(lambda: bob.text == ann.text)

    ann.text = "ONE\ntwo\nthree\n"
    bob.text = "one\ntwo\nthree\nfour\n"
    await asyncio.gather(ann.commit(), bob.commit())
    await until(lambda: ann.text == bob.text == "ONE\ntwo\nthree\nfour\n")

    assert ann.document.graph.times == bob.document.graph.times


async def test_what_is_typed_but_not_committed_survives_the_edits_of_others(world: World) -> None:
    ann, bob = await open_text(world, "ann"), await open_text(world, "bob")
    ann.text = "one\ntwo\n"
    await ann.commit()
    await until(lambda: bob.text == ann.text)

    bob.text = "one\ntwo\nthree\n"
    ann.text = "zero\none\ntwo\n"
    await ann.commit()
    await until(lambda: "zero" in bob.text)

    assert bob.text == "zero\none\ntwo\nthree\n"
    await until(lambda: ann.text == bob.text)


async def test_a_later_participant_loads_everything(world: World) -> None:
    ann = await open_text(world, "ann")
    for number in range(20):
        ann.text += f"line {number} 🐍\n"
        await ann.commit()

    bob = await open_text(world, "bob")

    assert bob.text == ann.text
    assert [version.number for version in bob.versions()] == list(range(1, 21))
    assert bob.document.value_at(bob.versions()[2].time).count("\n") == 3


async def test_each_commit_adds_one_version_and_nothing_changed_adds_none(world: World) -> None:
    text = await open_text(world, "ann")
    text.text = "a"
    assert await text.commit()
    assert not await text.commit()
    text.text = "ab"
    assert await text.commit()

    assert [text.document.value_at(v.time) for v in text.versions()] == ["a", "ab"]
    with pytest.raises(UnknownVersion):
        text.document.value_at(5)


async def test_undo_steps_back_through_ones_own_commits_only(world: World) -> None:
    ann, bob = await open_text(world, "ann"), await open_text(world, "bob")
    for author, wanted in [
        (bob, "alpha beta gamma delta"),
        (ann, "ALPHA beta gamma delta"),
        (ann, "ALPHA BETA gamma delta"),
        (bob, "ALPHA BETA gamma delta epsilon"),
    ]:
        author.text = wanted
        await author.commit()
        await until(lambda wanted=wanted: ann.text == bob.text == wanted)  # type: ignore[misc]

    ann.document.undo()
    assert ann.text == "ALPHA beta gamma delta epsilon"
    ann.document.undo()
    assert ann.text == "alpha beta gamma delta epsilon"
    ann.document.redo()
    ann.document.redo()
    assert ann.text == "ALPHA BETA gamma delta epsilon"
    assert ann.document.is_undoing
    await ann.document.save()
    await until(lambda: len(bob.versions()) == 4 + 4)
    assert bob.text == ann.text


async def test_uncommitted_text_is_the_first_thing_to_undo_and_the_last_to_redo(
    world: World,
) -> None:
    text = await open_text(world, "ann")
    text.text = "committed"
    await text.commit()
    text.text = "committed and more"
    text.text = "committed and even more"

    text.document.undo()
    assert text.text == "committed"
    text.document.undo()
    assert text.text == ""
    text.document.redo()
    text.document.redo()
    assert text.text == "committed and even more"


async def test_an_edit_ends_stepping_through_undo(world: World) -> None:
    text = await open_text(world, "ann")
    text.text = "a"
    await text.commit()
    text.document.undo()

    text.text = "b"
    text.document.redo()

    assert text.text == "b"
    assert not text.document.is_undoing


async def test_reverting_adds_no_version_until_it_is_committed(world: World) -> None:
    text = await open_text(world, "ann")
    for wanted in ("a", "ab"):
        text.text = wanted
        await text.commit()

    text.document.revert(text.versions()[0].time)

    assert text.text == "a"
    assert len(text.versions()) == 2
    await text.commit()
    assert len(text.versions()) == 3


async def test_closing_stores_what_was_typed(world: World) -> None:
    ann = await open_text(world, "ann")
    ann.text = "last words"

    await ann.close()
    await ann.close()

    assert (await open_text(world, "bob")).text == "last words"


async def test_participants_who_join_at_once_all_get_their_place(world: World) -> None:
    names = [f"user {number}" for number in range(6)]

    texts = await asyncio.gather(*[open_text(world, name) for name in names])

    def have_one_list() -> bool:
        users = texts[0].document.users
        return sorted(users) == names and all(text.document.users == users for text in texts)

    await until(have_one_list)


async def test_only_text_can_be_set(world: World) -> None:
    text = await open_text(world, "ann")

    with pytest.raises(TypeError, match="a synced text cannot be a int"):
        text.text = 5  # type: ignore[assignment]  # that is the point


async def test_a_document_is_left_by_leaving_its_block(world: World) -> None:
    client = await world.client()
    async with open_syncstring(client, project_id=PROJECT, path="notes.md") as text:
        text.text = "x"
        document = text.document

    assert document.is_closed


async def test_a_snapshot_that_is_not_there_costs_the_history_and_not_the_document(
    world: World,
) -> None:
    ann = await open_text(world, "ann")
    for number in range(5):
        ann.text += f"{number}\n"
        await ann.commit()
    ann.document.record.update({"last_seq": 4})
    await ann.document.save()

    bob = await open_text(world, "bob")

    assert bob.text == ann.text


async def test_who_joins_at_the_same_instant_takes_nobodys_number(world: World) -> None:
    """§1.4, §1.14: a commit names its author by an index into the list of users."""
    project = await open_document(
        await world.client(),
        TextKind(),
        DocumentType(),
        project_id=PROJECT,
        path="notes.md",
        participant=PROJECT,
        is_file_server=True,
    )
    world.stack.push_async_callback(project.close)
    ann = await open_text(world, "ann")
    ann.text = "by ann"
    await ann.commit()
    await until(lambda: len(project.users) == 2 and bool(project.versions()))

    late = await open_dko(
        await world.client(),
        name=f"syncstrings:{string_id(PROJECT, 'notes.md')}",
        project_id=PROJECT,
    )
    world.stack.push_async_callback(late.close)
    late.set(string_id(PROJECT, "notes.md"), {"users": [PROJECT, "bob"], "path": "notes.md"})
    await late.save()

    await until(lambda: ann.document.users == [PROJECT, "ann", "bob"])
    assert [version.author for version in project.versions()] == ["ann"]
