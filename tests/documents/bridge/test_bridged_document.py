"""A live document and its patches are one document (design D4, D5; SPEC B)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jupyter_ydoc import YNotebook
from pycrdt import Doc

from cocalc_jupyter_ext.documents.bridge.bridge import BridgeTimes
from cocalc_jupyter_ext.documents.bridge.bridged_document import BridgedDocument
from cocalc_jupyter_ext.documents.bridge.kinds import two_faces
from cocalc_jupyter_ext.documents.document import LiveDocument
from cocalc_jupyter_ext.documents.registry import DocumentRegistry
from cocalc_jupyter_ext.documents.syncdoc.syncdb import SyncDB
from cocalc_jupyter_ext.documents.syncdoc.syncstring import SyncString, open_syncstring

from ...support.documents import NOTEBOOK_ID, TEXT_ID, DocumentWorld, open_world
from ...support.persist import World, persist_world
from ...support.synced_notebooks import PROJECT, join_notebook
from ...support.waiting import until


@dataclass
class Project:
    """One project: files, live documents, patches."""

    conat: World
    documents: DocumentWorld

    @property
    def registry(self) -> DocumentRegistry:
        return self.documents.registry

    async def bridge(self, document: LiveDocument) -> BridgedDocument:
        faces = two_faces(document.ydoc, document.path)
        assert faces is not None
        bridged = BridgedDocument(
            document,
            faces,
            client=await self.conat.client(),
            project_id=PROJECT,
            account_of=lambda name: f"account of {name}",
            times=BridgeTimes(quiet_s=0.02, longest_s=0.1),
        )
        await bridged.start()
        document.closing.append(bridged.close)
        return bridged

    async def notebook(self, who: str = "bob") -> SyncDB:
        return await join_notebook(self.conat, who)

    async def text(self, who: str = "bob") -> SyncString:
        text = await open_syncstring(
            await self.conat.client(), project_id=PROJECT, path="a.txt", participant=who
        )
        self.conat.stack.push_async_callback(text.close)
        return text


@asynccontextmanager
async def open_project(folder: Path) -> AsyncIterator[Project]:
    async with persist_world(folder / "streams") as conat, open_world(folder) as documents:
        yield Project(conat, documents)


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[Project]:
    async with open_project(tmp_path) as project:
        yield project


def sources(document: LiveDocument) -> list[str]:
    return [str(cell["source"]) for cell in document.ydoc.ycells]


def inputs(db: SyncDB) -> list[Any]:
    cells = sorted(db.get({"type": "cell"}), key=lambda cell: cell["pos"])
    return [cell.get("input") for cell in cells]


async def test_a_file_that_is_opened_for_the_first_time_becomes_the_first_commit(
    project: Project,
) -> None:
    bridged = await project.bridge(await project.registry.open(NOTEBOOK_ID))

    db = await project.notebook()

    assert inputs(db) == ["1 + 1", "2 + 2"]
    assert [version.author for version in db.versions()] == [PROJECT]
    assert bridged.document is not None
    assert bridged.document.record.get()["init"]["error"] == ""


async def test_what_is_typed_in_jupyterlab_is_a_commit_by_who_typed_it(project: Project) -> None:
    document = await project.registry.open(TEXT_ID)
    await project.bridge(document)
    bob = await project.text()

    document.on_author("ann")
    with document.ydoc.ydoc.transaction():
        document.ydoc.ydoc["source"].insert(5, " world")
    await until(lambda: bob.text == "hello world")

    wanted = [PROJECT, "account of ann"]
    await until(lambda: [version.author for version in bob.versions()] == wanted)


async def test_what_is_committed_shows_in_jupyterlab_by_small_edits(project: Project) -> None:
    document = await project.registry.open(TEXT_ID)
    await project.bridge(document)
    bob = await project.text()
    updates: list[bytes] = []
    document.subscribe(lambda update, origin: updates.append(update))

    bob.text = "Hello, my hello!"
    await bob.commit()
    await until(lambda: str(document.ydoc.ydoc["source"]) == "Hello, my hello!")

    await document.save()
    assert project.documents.storage.files["a.txt"] == "Hello, my hello!"


async def test_simultaneous_typing_on_both_faces_keeps_every_character(project: Project) -> None:
    document = await project.registry.open(NOTEBOOK_ID)
    await project.bridge(document)
    bob = await project.notebook()
    first = bob.get_one({"type": "cell", "id": bob.get({"type": "cell"})[0]["id"]})
    assert first is not None

    bob.set({"type": "cell", "id": first["id"], "input": "# bob\n1 + 1"})
    with document.edit():
        document.ydoc.ycells[0]["source"].insert(5, " # lab")
        document.ydoc.ycells[1]["source"].insert(0, "x = ")
    await bob.commit()

    wanted = ["# bob\n1 + 1 # lab", "x = 2 + 2"]
    await until(lambda: sources(document) == inputs(bob) == wanted)


async def test_cells_come_go_and_move_on_both_faces(project: Project) -> None:
    document = await project.registry.open(NOTEBOOK_ID)
    await project.bridge(document)
    bob = await project.notebook()
    ids = [cell["id"] for cell in bob.get({"type": "cell"})]

    bob.set({"type": "cell", "id": "new", "pos": 0.5, "input": "between"})
    await bob.commit()
    await until(lambda: sources(document) == ["1 + 1", "between", "2 + 2"])
    with document.edit():
        document.ydoc.append_cell({"cell_type": "markdown", "source": "end", "metadata": {}})
        del document.ydoc.ycells[0]
    await until(lambda: inputs(bob) == ["between", "2 + 2", "end"])
    bob.set({"type": "cell", "id": ids[1], "pos": -5})
    await bob.commit()
    await until(lambda: sources(document) == ["2 + 2", "between", "end"])

    assert inputs(bob) == ["2 + 2", "between", "end"]


async def test_outputs_and_settings_are_carried_over_and_runs_are_left_alone(
    project: Project,
) -> None:
    document = await project.registry.open(NOTEBOOK_ID)
    await project.bridge(document)
    bob = await project.notebook()
    cell = bob.get({"type": "cell"})[0]

    bob.set({"type": "cell", "id": cell["id"], "state": "busy", "start": 5})
    bob.set({"type": "settings", "kernel": "ir", "trust": True})
    await bob.commit()
    with document.edit():
        document.ydoc.ycells[0]["execution_count"] = 7
    await until(lambda: bob.get({"type": "cell"})[0].get("exec_count") == 7)

    assert bob.get({"type": "cell"})[0]["state"] == "busy"
    assert document.ydoc.get()["metadata"]["kernelspec"]["name"] == "ir"
    assert bob.get_one({"type": "settings"})["trust"] is True  # type: ignore[index]


async def test_after_quiet_time_nothing_goes_back_and_forth(project: Project) -> None:
    document = await project.registry.open(NOTEBOOK_ID)
    await project.bridge(document)
    bob = await project.notebook()
    bob.set({"type": "cell", "id": "new", "pos": 9, "input": "x", "cell_type": "markdown"})
    await bob.commit()
    await until(lambda: "x" in sources(document))
    await document.flush()
    updates: list[bytes] = []
    document.subscribe(lambda update, origin: updates.append(update))
    versions = len(bob.versions())

    await asyncio.sleep(0.4)

    assert len(bob.versions()) == versions
    assert updates == []


async def test_a_document_that_is_opened_again_continues_both_histories(tmp_path: Path) -> None:
    async with open_project(tmp_path) as project:
        document = await project.registry.open(TEXT_ID)
        await project.bridge(document)
        with document.edit():
            document.ydoc.ydoc["source"].insert(5, " world")
        await project.registry.close()
        bob = await project.text()
        assert bob.text == "hello world"
        bob.text = "hello world!"
        await bob.commit()
        files = project.documents.storage.files

    async with open_project(tmp_path) as project:
        project.documents.storage.files.update(files)
        document = await project.registry.open(TEXT_ID)
        await project.bridge(document)

        assert str(document.ydoc.ydoc["source"]) == "hello world!"
        assert (await project.text()).text == "hello world!"


async def test_a_commit_that_could_not_be_noted_before_a_crash_counts_once(
    tmp_path: Path,
) -> None:
    async with open_project(tmp_path) as project:
        document = await project.registry.open(TEXT_ID)
        bridged = await project.bridge(document)
        document.note_heads(bridged.document.contained)  # type: ignore[union-attr]
        with document.edit():
            document.ydoc.ydoc["source"].insert(5, " world")
        bridged.flush()
        assert bridged.document is not None
        await bridged.document.save()
        bridged._is_closed = True  # as if the process died here
        document.closing.clear()
        await bridged.document.close()
        files = project.documents.storage.files

    async with open_project(tmp_path) as project:
        project.documents.storage.files.update(files)
        document = await project.registry.open(TEXT_ID)
        await project.bridge(document)

        assert str(document.ydoc.ydoc["source"]) == "hello world"
        assert (await project.text()).text == "hello world"


async def test_what_comes_while_a_closed_document_stores_its_commits_is_there_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in no shared type, so it counts as what others did meanwhile."""
    async with open_project(tmp_path) as project:
        document = await project.registry.open(TEXT_ID)
        bridged = await project.bridge(document)
        patches, bob = bridged.document, await project.text()
        assert patches is not None
        save = patches.save

        async def save_slowly() -> None:
            bob.text = "hello from bob"
            await bob.commit()
            await until(lambda: patches.value == bob.text)
            await save()

        monkeypatch.setattr(patches, "save", save_slowly)
        await project.registry.close()
        assert str(document.ydoc.ydoc["source"]) == "hello"
        files = project.documents.storage.files

    async with open_project(tmp_path) as project:
        project.documents.storage.files.update(files)
        document = await project.registry.open(TEXT_ID)
        await project.bridge(document)

        assert str(document.ydoc.ydoc["source"]) == "hello from bob"


# Moving cells while somebody types into them (design D20; SPEC B8)


class Page:
    """A page of JupyterLab that sends what it did when it is told to."""

    def __init__(self, document: LiveDocument) -> None:
        self.document = document
        self.notebook = YNotebook(Doc())
        self.receive()

    def receive(self) -> None:
        own = self.notebook.ydoc
        own.apply_update(self.document.ydoc.ydoc.get_update(own.get_state()))

    def send(self) -> None:
        update = self.notebook.ydoc.get_update(self.document.ydoc.ydoc.get_state())
        self.document.apply(update, origin=self, author="ann")

    def move_to_end(self, index: int) -> None:
        with self.notebook.ydoc.transaction():
            cell = self.notebook.ycells[index].to_py()
            del self.notebook.ycells[index]
            self.notebook.append_cell(cell)


async def test_a_cell_that_a_page_moves_keeps_what_a_client_types_meanwhile(
    project: Project,
) -> None:
    document = await project.registry.open(NOTEBOOK_ID)
    await project.bridge(document)
    bob, page = await project.notebook(), Page(document)
    cell_id = page.notebook.ycells[0]["id"]

    page.move_to_end(0)
    bob.set({"type": "cell", "id": cell_id, "input": "1 + 1 # bob"})
    page.send()
    await bob.commit()

    wanted = ["2 + 2", "1 + 1 # bob"]
    await until(lambda: sources(document) == inputs(bob) == wanted)


async def test_a_cell_that_a_client_moves_keeps_what_another_client_types_meanwhile(
    project: Project,
) -> None:
    document = await project.registry.open(NOTEBOOK_ID)
    await project.bridge(document)
    bob, eve = await project.notebook(), await project.notebook("eve")
    cell_id = bob.get({"type": "cell"})[0]["id"]

    bob.set({"type": "cell", "id": cell_id, "pos": 9})
    eve.set({"type": "cell", "id": cell_id, "input": "1 + 1 # eve"})
    await asyncio.gather(bob.commit(), eve.commit())

    wanted = ["2 + 2", "1 + 1 # eve"]
    await until(lambda: sources(document) == inputs(bob) == inputs(eve) == wanted)


async def test_a_cell_that_a_client_moves_keeps_what_had_come_from_a_page_by_then(
    project: Project,
) -> None:
    document = await project.registry.open(NOTEBOOK_ID)
    await project.bridge(document)
    bob, page = await project.notebook(), Page(document)
    cell_id = page.notebook.ycells[0]["id"]

    page.notebook.ycells[0]["source"].insert(0, "# ann\n")
    page.send()
    bob.set({"type": "cell", "id": cell_id, "pos": 9})
    await bob.commit()

    wanted = ["2 + 2", "# ann\n1 + 1"]
    await until(lambda: sources(document) == inputs(bob) == wanted)


async def test_only_what_a_page_types_into_the_very_cell_that_is_being_moved_is_lost(
    project: Project,
) -> None:
    """The shared cell is a new one then, and the page's update names the old one."""
    document = await project.registry.open(NOTEBOOK_ID)
    await project.bridge(document)
    bob, page = await project.notebook(), Page(document)
    cell_id = page.notebook.ycells[0]["id"]

    page.notebook.ycells[0]["source"].insert(0, "lost")
    page.notebook.ycells[1]["source"].insert(0, "# kept\n")
    bob.set({"type": "cell", "id": cell_id, "pos": 9})
    await bob.commit()
    await until(lambda: sources(document) == ["2 + 2", "1 + 1"])
    page.send()

    wanted = ["# kept\n2 + 2", "1 + 1"]
    await until(lambda: sources(document) == inputs(bob) == wanted)
    page.receive()
    assert [str(cell["source"]) for cell in page.notebook.ycells] == wanted


async def test_history_of_others_is_taken_when_it_is_newer_than_the_file(project: Project) -> None:
    bob = await project.text()
    bob.text = "from before"
    await bob.commit()
    document = await project.registry.open(TEXT_ID)

    await project.bridge(document)

    assert str(document.ydoc.ydoc["source"]) == bob.text == "from before"


async def test_a_file_that_came_to_its_path_after_history_of_others_goes_on_with_it(
    project: Project,
) -> None:
    """syncdoc-jupyter §1.14: as an old file does that is renamed to the name of a deleted one."""
    bob = await project.text()
    bob.text = "from before"
    await bob.commit()
    document = await project.registry.open(TEXT_ID)
    project.documents.storage.changed_ms["a.txt"] = bob.document.versions()[-1].wall_ms + 1
    text = str(document.ydoc.ydoc["source"])

    await project.bridge(document)
    await until(lambda: bob.text == text)

    assert str(document.ydoc.ydoc["source"]) == text != "from before"
    assert "from before" in [bob.document.value_at(each.time) for each in bob.document.versions()]
