"""Two faces of a document that were apart find together again (design D5; SPEC B6, B9)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_ydoc import YNotebook
from pycrdt import Doc, Text, TransactionEvent

from cocalc_jupyter_ext.documents.bridge.face import Face
from cocalc_jupyter_ext.documents.bridge.notebook_face import NotebookFace
from cocalc_jupyter_ext.documents.bridge.reconcile import reconcile
from cocalc_jupyter_ext.documents.bridge.text_face import TextFace
from cocalc_jupyter_ext.documents.notebook_records.notebooks import NOTEBOOK_SCHEMA
from cocalc_jupyter_ext.documents.syncdoc.coordination import DocumentType
from cocalc_jupyter_ext.documents.syncdoc.opening import open_document
from cocalc_jupyter_ext.documents.syncdoc.patch_graph import NO_TIME
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch
from cocalc_jupyter_ext.documents.syncdoc.string_patch import make_string_patch
from cocalc_jupyter_ext.documents.syncdoc.sync_document import SyncDocument
from cocalc_jupyter_ext.documents.syncdoc.values import Kind, RecordsKind, TextKind

from ...support.notebooks import notebook
from ...support.synced_texts import PROJECT, SyncedProject, open_synced_project

NEVER_STORED = 99


@pytest.fixture
async def project(tmp_path: Path) -> AsyncIterator[SyncedProject]:
    async with open_synced_project(tmp_path) as project:
        yield project


def patch(time: int, old: str, new: str, *parents: int) -> Patch:
    changes = make_string_patch(old, new)
    return Patch(time=time, changes=changes, user_id=0, parents=parents, wall_ms=time)


async def follow(
    project: SyncedProject, kind: Kind[Any], doctype: DocumentType, path: str
) -> SyncDocument[Any]:
    document = await open_document(
        await project.world.client(),
        kind,
        doctype,
        project_id=PROJECT,
        path=path,
        participant=PROJECT,
        is_file_server=True,
    )
    project.world.stack.push_async_callback(document.close)
    return document


@dataclass
class Apart:
    """Shared types and patches that do not know of each other; the edits of both are counted."""

    ydoc: Doc[Any]
    face: Face[Any]
    document: SyncDocument[Any]
    updates: list[bytes] = field(default_factory=list)
    commits: list[Patch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ydoc.observe(self._on_update)
        self.document.commits.connect(self.commits.append)

    def _on_update(self, event: TransactionEvent) -> None:
        self.updates.append(event.update)

    def reconcile(self, heads: Sequence[int] | None, *, file_is_newer: bool = False) -> None:
        with self.ydoc.transaction():
            reconcile(self.face, self.document, heads, file_is_newer=file_is_newer)
        self.updates = [update for update in self.updates if update != b"\0\0"]
        assert not self.document.kind.difference(
            self.document.graph.value(), self.document.value
        ), "something is not committed"


async def texts(project: SyncedProject, shared: str, *history: Patch) -> Apart:
    """Return a shared text, and a document with a history."""
    if history:
        await project.put(history)
    ydoc: Doc[Text] = Doc({"source": Text(shared)})
    document = await follow(project, TextKind(), DocumentType(), "a.txt")
    return Apart(ydoc, TextFace(ydoc["source"]), document)


async def notebooks(project: SyncedProject, *sources: str) -> tuple[YNotebook, Apart]:
    """Return a shared notebook, and a document without history."""
    shared = YNotebook()
    shared.set(notebook(*sources))
    face = NotebookFace(shared, put=lambda _: None, get=lambda _: None)
    kind, doctype = RecordsKind(NOTEBOOK_SCHEMA), DocumentType(NOTEBOOK_SCHEMA)
    document = await follow(project, kind, doctype, ".a.ipynb.sage-jupyter2")
    return shared, Apart(shared.ydoc, face, document)


def both(apart: Apart) -> str:
    """Return the text of both faces, which is the same."""
    assert str(apart.ydoc["source"]) == apart.document.value
    return str(apart.document.value)


ONE = patch(10, "", "one\n")
TWO = patch(20, "one\n", "one\ntwo\n", 10)


# Where it is not known what both had


@pytest.mark.parametrize("file_is_newer", [False, True])
async def test_without_any_history_the_shared_types_become_the_first_commit(
    project: SyncedProject, file_is_newer: bool
) -> None:
    apart = await texts(project, "from the file\n")

    apart.reconcile(None, file_is_newer=file_is_newer)

    assert both(apart) == "from the file\n"
    assert len(apart.document.graph) == len(apart.commits) == 1
    assert apart.updates == []


async def test_a_file_that_is_older_than_the_history_gives_way(project: SyncedProject) -> None:
    apart = await texts(project, "from the file\n", ONE, TWO)

    apart.reconcile(None)

    assert both(apart) == "one\ntwo\n"
    assert apart.commits == []


async def test_a_file_that_is_newer_than_the_history_continues_it(project: SyncedProject) -> None:
    apart = await texts(project, "from the file\n", ONE, TWO)

    apart.reconcile(None, file_is_newer=True)

    assert both(apart) == "from the file\n"
    assert [commit.parents for commit in apart.commits] == [(20,)]
    assert apart.updates == []


@pytest.mark.parametrize("heads", [(), (NEVER_STORED,)])
async def test_commits_that_nobody_knows_tell_nothing(
    project: SyncedProject, heads: tuple[int, ...]
) -> None:
    apart = await texts(project, "from the file\n", ONE)

    apart.reconcile(heads)

    assert both(apart) == "one\n"


# Where it is known


async def test_what_was_edited_on_either_face_meanwhile_is_kept(project: SyncedProject) -> None:
    apart = await texts(project, "# typed\none\n", ONE, TWO)

    apart.reconcile([10])

    assert both(apart) == "# typed\none\ntwo\n"
    assert [commit.parents for commit in apart.commits] == [(20,)]


@pytest.mark.parametrize("file_is_newer", [False, True])
async def test_no_face_wins_whichever_is_newer(project: SyncedProject, file_is_newer: bool) -> None:
    apart = await texts(project, "# typed\none\n", ONE, TWO)

    apart.reconcile([10], file_is_newer=file_is_newer)

    assert both(apart) == "# typed\none\ntwo\n"


async def test_what_was_taken_away_on_either_face_does_not_come_back(
    project: SyncedProject,
) -> None:
    base = patch(10, "", "one\ntwo\nthree\n")
    apart = await texts(
        project, "two\nthree\n", base, patch(20, "one\ntwo\nthree\n", "one\ntwo\n", 10)
    )

    apart.reconcile([10])

    assert both(apart) == "two\n"


async def test_a_commit_that_both_faces_have_already_counts_once(project: SyncedProject) -> None:
    """The process died after the commit, and before it could note that (SPEC B6)."""
    apart = await texts(project, "one\ntwo\n", ONE, TWO)

    apart.reconcile([10])

    assert both(apart) == "one\ntwo\n"
    assert apart.commits == []
    assert apart.updates == []


async def test_faces_that_are_equal_are_not_touched(project: SyncedProject) -> None:
    apart = await texts(project, "one\ntwo\n", ONE, TWO)

    apart.reconcile([20])

    assert both(apart) == "one\ntwo\n"
    assert apart.commits == []
    assert apart.updates == []


async def test_what_was_committed_and_never_stored_is_committed_again(
    project: SyncedProject,
) -> None:
    """The heads then name it, and what it was built on (``SyncDocument.contained``)."""
    apart = await texts(project, "one\ntyped\n", ONE, patch(20, "one\n", "bob\none\n", 10))

    apart.reconcile([10, NEVER_STORED])

    assert both(apart) == "bob\none\ntyped\n"
    assert len(apart.commits) == 1


async def test_a_first_commit_that_was_never_stored_stays_beside_what_others_made(
    project: SyncedProject,
) -> None:
    apart = await texts(project, "a b c", ONE)

    apart.reconcile([NO_TIME, NEVER_STORED])

    assert both(apart) == "one\na b c"


async def test_what_was_made_at_the_same_time_by_others_is_not_lost_in_the_replay(
    project: SyncedProject,
) -> None:
    base = "a line that one person replaces"
    apart = await texts(
        project,
        "something else",
        patch(10, "", base),
        patch(11, base, "something else", 10),
        patch(12, base, base.replace("person", "persXYZon"), 10),
    )
    assert "XYZ" not in apart.document.value

    apart.reconcile([11])

    assert "XYZ" in both(apart)
    assert len(apart.commits) == 1


async def test_what_the_document_contains_afterwards_makes_a_second_time_do_nothing(
    project: SyncedProject,
) -> None:
    apart = await texts(project, "# typed\none\n", ONE, TWO)
    apart.reconcile([10])
    apart.updates.clear()
    apart.commits.clear()

    apart.reconcile(apart.document.contained)

    assert both(apart) == "# typed\none\ntwo\n"
    assert apart.commits == []
    assert apart.updates == []


async def test_others_get_what_both_faces_became(project: SyncedProject) -> None:
    apart = await texts(project, "# typed\none\n", ONE, TWO)

    apart.reconcile([10])
    await apart.document.save()

    assert (await project.text()).text == "# typed\none\ntwo\n"


# Notebooks


async def test_cells_of_both_faces_are_there_and_runs_are_left_alone(
    project: SyncedProject,
) -> None:
    shared, apart = await notebooks(project, "one", "two")
    apart.reconcile(None)
    known = apart.document.contained
    records = apart.document.editable()
    records.set({"type": "cell", "id": "c0", "state": "busy", "start": 5, "input": "one more"})
    records.set({"type": "cell", "id": "new", "pos": 5, "input": "theirs"})
    apart.document.commit()
    shared.ycells[1]["source"].insert(0, "# typed\n")

    apart.reconcile(known)

    assert [str(cell["source"]) for cell in shared.ycells] == ["one more", "# typed\ntwo", "theirs"]
    records = apart.document.value
    assert records.get_one({"id": "c0"})["state"] == "busy"
    assert records.get_one({"id": "c0"})["start"] == 5
    assert records.get_one({"id": "c1"})["input"] == "# typed\ntwo"


async def test_a_cell_that_was_deleted_on_either_face_is_gone(project: SyncedProject) -> None:
    shared, apart = await notebooks(project, "one", "two", "three")
    apart.reconcile(None)
    known = apart.document.contained
    apart.document.editable().delete({"type": "cell", "id": "c0"})
    apart.document.commit()
    del shared.ycells[1]

    apart.reconcile(known)

    assert [cell["id"] for cell in shared.ycells] == ["c2"]
    assert [cell["id"] for cell in apart.document.value.get({"type": "cell"})] == ["c2"]


async def test_shared_cells_get_ids_of_their_own_first(project: SyncedProject) -> None:
    shared, apart = await notebooks(project, "one", "two")
    shared.ycells[1]["id"] = "c0"

    apart.reconcile(None)

    ids = [cell["id"] for cell in shared.ycells]
    assert len(set(ids)) == 2
    cells = {cell["id"]: cell["input"] for cell in apart.document.value.get({"type": "cell"})}
    assert cells == dict(zip(ids, ["one", "two"], strict=True))


async def test_a_cell_that_others_moved_is_moved_and_not_its_neighbour(
    project: SyncedProject,
) -> None:
    """Somebody may be typing into the neighbour (SPEC B8)."""
    shared, apart = await notebooks(project, "one", "two", "three")
    apart.reconcile(None)
    known = apart.document.contained
    apart.document.editable().set({"type": "cell", "id": "c1", "pos": -2})
    apart.document.commit()
    neighbour = shared.ycells[0]["source"]

    apart.reconcile(known)
    neighbour.insert(0, "typed ")

    assert [str(cell["source"]) for cell in shared.ycells] == ["two", "typed one", "three"]
