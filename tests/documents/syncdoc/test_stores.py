"""Where a synced document lives (syncdoc-jupyter §1.3, §1.4)."""

import asyncio
from pathlib import Path

from cocalc_jupyter_ext.conat.sync.opening import open_dko
from cocalc_jupyter_ext.documents.syncdoc.coordination import string_id
from cocalc_jupyter_ext.documents.syncdoc.stores import open_patches, open_record

from ...support.persist import persist_world
from ...support.waiting import until

PROJECT = "11111111-2222-4333-8444-555555555555"


async def test_a_record_is_updated_and_told_to_others(tmp_path: Path) -> None:
    async with persist_world(tmp_path) as world:
        one = await open_record(await world.client(), PROJECT, "a.md")
        other = await open_record(await world.client(), PROJECT, "a.md")
        changed = asyncio.Event()
        other.changes.connect(changed.set)

        one.update({"save": {"state": "requested", "hash": 5}})
        one.update({"save": {"state": "done"}})
        await one.save()
        async with asyncio.timeout(60):
            while other.get() != {"save": {"state": "done", "hash": 5}}:
                changed.clear()
                await changed.wait()

        await one.close()
        await other.close()


async def test_a_field_that_another_participant_has_forgotten_is_put_back(tmp_path: Path) -> None:
    """Of two field lists that are written at once the later one wins (§1.3)."""
    async with persist_world(tmp_path) as world:
        record = await open_record(await world.client(), PROJECT, "a.md")
        record.update({"users": ["ann"], "doctype": "x"})
        await record.save()
        key = string_id(PROJECT, "a.md")
        forgetful = await open_dko(
            await world.client(), name=f"syncstrings:{key}", project_id=PROJECT
        )

        forgetful.set(key, {"users": ["bob"]})
        await forgetful.save()
        async with asyncio.timeout(60):
            while forgetful.get(key) != {"users": ["bob"], "doctype": "x"}:
                await asyncio.sleep(0.005)

        assert record.get() == {"users": ["bob"], "doctype": "x"}
        await record.close()
        await forgetful.close()


async def test_patches_are_a_stream_of_the_project(tmp_path: Path) -> None:
    async with persist_world(tmp_path) as world:
        patches = await open_patches(await world.client(), PROJECT, "a.md")
        patches.publish({"time": 1})
        await patches.save()
        await patches.close()

    name = f"patches:{string_id(PROJECT, 'a.md')}.db"
    assert (tmp_path / "projects" / PROJECT / name).exists()


async def test_a_request_is_not_lost_when_the_project_writes_at_the_same_time(
    tmp_path: Path,
) -> None:
    """A client would take the note of an own save for the answer to its request (§1.17)."""
    async with persist_world(tmp_path) as world:
        project = await open_record(await world.client(), PROJECT, "a.md", is_file_server=True)
        client = await open_record(await world.client(), PROJECT, "a.md")
        for number in range(20):
            request = {"state": "requested", "expected_hash": number}

            client.update({"save": request})
            project.update({"save": {"state": "done", "hash": -number}})
            await asyncio.gather(client.save(), project.save())
            await until(lambda: client.get().get("save") == project.get().get("save"))

            assert project.get()["save"]["state"] == "requested"
            answer = {"save": {"state": "done", "hash": number}}
            project.update(answer)
            await project.save()
            await until(lambda: client.get()["save"]["state"] == "done")

        await project.close()
        await client.close()
