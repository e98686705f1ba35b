"""Taking part in a document whose file a project serves (syncdoc-jupyter §1.14)."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.errors import RequestTimeout
from cocalc_jupyter_ext.conat.types import User
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.opening import FileNotLoaded, name_of, open_document
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind

from ...support.persist import World

PROJECT = "11111111-2222-4333-8444-555555555555"


async def open_it(
    world: World, who: str, *, is_file_server: bool = False, timeout_s: float = 20
) -> SyncDocument[str]:
    document = await open_document(
        await world.client(),
        TextKind(),
        DocumentType(),
        project_id=PROJECT,
        path="a.md",
        participant=who,
        is_file_server=is_file_server,
        timeout_s=timeout_s,
    )
    world.stack.push_async_callback(document.close)
    return document


async def start_project(world: World) -> SyncDocument[str]:
    project = await world.client()
    await project.subscribe(f"project.{PROJECT}.0.api.-")
    return await open_it(world, PROJECT, is_file_server=True)


async def test_without_a_project_there_is_nothing_to_wait_for(world: World) -> None:
    assert (await open_it(world, "ann")).value == ""


async def test_one_waits_until_the_project_has_loaded_the_file(world: World) -> None:
    project = await start_project(world)
    opening = asyncio.create_task(open_it(world, "ann"))
    await asyncio.sleep(0.1)
    assert not opening.done()

    project.replace("from the file")
    project.commit()
    project.record.update({"init": {"size": 13, "error": ""}})

    assert (await opening).value == "from the file"


async def test_an_empty_file_is_ready_as_soon_as_it_was_looked_at(world: World) -> None:
    project = await start_project(world)
    project.record.update({"init": {"size": 0, "error": ""}})

    assert (await open_it(world, "ann")).value == ""


async def test_a_file_that_cannot_be_loaded_is_told(world: World) -> None:
    project = await start_project(world)
    project.record.update({"init": {"size": 0, "error": "permission denied"}})

    with pytest.raises(FileNotLoaded, match="permission denied"):
        await open_it(world, "ann")


async def test_a_project_that_does_not_answer_is_not_waited_for_for_ever(world: World) -> None:
    await start_project(world)

    with pytest.raises(RequestTimeout, match=r"within 0\.1 s"):
        await open_it(world, "ann", timeout_s=0.1)


async def test_one_commits_under_the_id_of_the_clients_user(world: World) -> None:
    nobody = await world.client()
    account = await world.client(User("account", PROJECT))

    assert await name_of(nobody) == nobody.id
    assert await name_of(account) == PROJECT
