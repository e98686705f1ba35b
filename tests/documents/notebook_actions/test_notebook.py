"""Opening a notebook from a script: the project learns that somebody looks at it (§1.13)."""

import asyncio

import pytest

from cocalc_jupyter_ext.conat.errors import RemoteError, RequestTimeout
from cocalc_jupyter_ext.conat.sync.open_files import open_open_files
from cocalc_jupyter_ext.documents.notebook_actions import notebook as module
from cocalc_jupyter_ext.documents.notebook_actions.notebook import Notebook, open_notebook

from ...support.persist import World
from ...support.waiting import until

PROJECT = "11111111-2222-4333-8444-555555555555"
SYNCED = "a/.b.ipynb.sage-jupyter2"


async def test_a_notebook_is_touched_as_long_as_it_is_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOUCH_EVERY_S", 0.01)
    async with await open_open_files(await world.client(), project_id=PROJECT) as files:
        files.set_deleted(SYNCED)
        client = await world.client()

        async with open_notebook(client, project_id=PROJECT, path="a/b.ipynb") as notebook:
            times: set[float] = set()

            def is_touched_again() -> bool:
                times.add((files.get(SYNCED) or {}).get("time", 0))
                return len(times) > 3

            await until(is_touched_again)
            assert not files.is_deleted(SYNCED)
            assert (files.get(SYNCED) or {})["doctype"] == {
                "type": "db",
                "patch_format": 1,
                "opts": {
                    "primary_keys": ["type", "id"],
                    "string_cols": ["input"],
                    "cursors": True,
                },
            }
            notebook.insert_cell("kept")

        assert notebook.document.is_closed
        await notebook.close()


async def test_what_one_script_leaves_another_one_finds(world: World) -> None:
    for number in range(2):
        client = await world.client()
        async with open_notebook(client, project_id=PROJECT, path="b.ipynb") as notebook:
            assert len(notebook.model.cell_list) == number
            notebook.insert_cell(f"cell {number}")


async def take_away(project: Notebook) -> None:
    """Do what a project does that has just opened the notebook (§3.2)."""
    await project.model.until(lambda model: model.nbconvert is not None, 20)
    project.document.editable().delete({"type": "nbconvert"})
    project.document.commit()
    await project.save()


async def test_a_conversion_is_asked_for_again_if_the_project_has_just_opened_the_notebook(
    world: World,
) -> None:
    async with (
        open_notebook(await world.client(), project_id=PROJECT, path="b.ipynb") as project,
        open_notebook(await world.client(), project_id=PROJECT, path="b.ipynb") as notebook,
    ):
        converting = asyncio.create_task(notebook.convert(["--to", "html"], timeout_s=20))
        await take_away(project)
        await project.model.until(lambda model: model.nbconvert is not None, 20)
        project.document.editable().set({"type": "nbconvert", "state": "done"})
        project.document.commit()
        await converting


async def test_who_takes_a_conversion_away_again_and_again_is_not_waited_for(
    world: World,
) -> None:
    async with (
        open_notebook(await world.client(), project_id=PROJECT, path="b.ipynb") as project,
        open_notebook(await world.client(), project_id=PROJECT, path="b.ipynb") as notebook,
    ):
        converting = asyncio.create_task(notebook.convert(["--to", "html"], timeout_s=20))
        for _ in range(module.CONVERSION_REQUESTS):
            await take_away(project)
        with pytest.raises(RemoteError, match="again and again"):
            await converting


async def test_a_conversion_that_nobody_does_is_waited_for_as_long_as_one_says(
    world: World,
) -> None:
    client = await world.client()
    async with open_notebook(client, project_id=PROJECT, path="b.ipynb") as notebook:
        with pytest.raises(RequestTimeout, match=r"not over within 0\.1 s"):
            await notebook.convert(["--to", "html"], timeout_s=0.1)
