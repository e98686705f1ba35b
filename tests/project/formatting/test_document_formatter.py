"""syncdoc-jupyter §11: formatting an open document, as a patch."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cocalc_jupyter_ext.documents.syncdoc.string_patch import apply_string_patch
from cocalc_jupyter_ext.documents.syncdoc.syncdb import open_syncdb
from cocalc_jupyter_ext.documents.syncdoc.syncstring import SyncString, open_syncstring
from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.formatting import document_formatter
from cocalc_jupyter_ext.project.formatting.document_formatter import DocumentFormatter
from cocalc_jupyter_ext.project.formatting.formatter import Formatter

from ...support.persist import World, persist_world

if TYPE_CHECKING:
    from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument

PROJECT = "11111111-2222-4333-8444-555555555555"
PYTHON = {"parser": "python"}


class Project:
    """The open documents of a project, and a person at one of them."""

    def __init__(self, world: World, home: Path) -> None:
        self.world = world
        self.open: dict[str, SyncDocument[Any]] = {}
        self.service = DocumentFormatter(Formatter(home, {"PATH": ""}), self.open.get)

    async def join(self, path: str, who: str) -> SyncString:
        text = await open_syncstring(
            await self.world.client(), project_id=PROJECT, path=path, participant=who
        )
        self.world.stack.push_async_callback(text.close)
        return text

    async def share(self, path: str, content: str) -> SyncString:
        mine = await self.join(path, PROJECT)
        self.open[path] = mine.document
        mine.text = content
        await mine.commit()
        return mine

    async def format(self, path: str, **options: Any) -> dict[str, Any]:
        return await self.service.format({"path": path, "options": {**PYTHON, **options}})


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    async with persist_world(tmp_path / "sync") as world:
        yield Project(world, tmp_path)


async def test_the_patch_formats_the_text_and_the_document_is_left_alone(project: Project) -> None:
    mine = await project.share("a.py", "x = {  'ä':1 }\ny   = 2\n")

    answer = await project.format("a.py")

    assert answer["status"] == "ok"
    assert apply_string_patch(answer["patch"], mine.text) == "x = {'ä': 1}\ny = 2\n"
    assert mine.text == "x = {  'ä':1 }\ny   = 2\n"
    assert len(mine.versions()) == 1


async def test_what_is_formatted_already_has_an_empty_patch(project: Project) -> None:
    await project.share("a.py", "x = 1\n")

    assert await project.format("a.py") == {"status": "ok", "patch": []}


async def test_an_error_of_the_formatter_is_an_answer(project: Project) -> None:
    await project.share("a.py", "def f(:")

    answer = await project.format("a.py")

    assert (answer["status"], answer["phase"]) == ("error", "format")
    assert "> 1: def f(:" in answer["error"]
    missing = await project.format("a.py", parser="gofmt")
    assert "'gofmt' is not installed" in missing["error"]


async def test_edits_that_are_on_their_way_are_waited_for(project: Project) -> None:
    mine = await project.share("a.py", "x = 1\n")
    person = await project.join("a.py", "bob")
    newest = mine.versions()[-1].time

    asking = asyncio.create_task(project.format("a.py", lastChanged=newest + 1))
    await asyncio.sleep(0.05)
    assert not asking.done()
    person.text = "x   = 2\n"
    await person.commit()
    async with asyncio.timeout(60):
        answer = await asking

    assert apply_string_patch(answer["patch"], person.text) == "x = 2\n"


async def test_edits_that_do_not_come_are_not_waited_for_for_ever(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_formatter, "MAX_WAIT_S", 0.1)
    await project.share("a.py", "x   = 1\n")

    async with asyncio.timeout(60):
        assert (await project.format("a.py", lastChanged=9_000_000_000_000))["status"] == "ok"


async def test_a_document_that_is_just_opening_is_waited_for(project: Project) -> None:
    asking = asyncio.create_task(project.format("a.py"))
    await asyncio.sleep(0)
    await project.share("a.py", "")

    async with asyncio.timeout(60):
        assert (await asking)["status"] == "ok"


async def test_a_document_that_is_not_open_is_an_error_of_the_call(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_formatter, "MAX_WAIT_S", 0.1)

    with pytest.raises(ApiError, match=r"'a\.py' is not open"):
        await project.format("a.py")


async def test_a_notebook_is_no_text(project: Project) -> None:
    db = await open_syncdb(
        await project.world.client(),
        project_id=PROJECT,
        path=".a.ipynb.sage-jupyter2",
        primary_keys=["type", "id"],
        participant=PROJECT,
    )
    project.world.stack.push_async_callback(db.close)
    project.open["a.ipynb"] = db.document

    with pytest.raises(ApiError, match="is not a text"):
        await project.format("a.ipynb")


@pytest.mark.parametrize("request_", [None, {}, {"path": "a.py"}, {"path": 7, "options": PYTHON}])
async def test_wrong_arguments_are_refused(project: Project, request_: Any) -> None:
    with pytest.raises(ApiError):
        await project.service.format(request_)
