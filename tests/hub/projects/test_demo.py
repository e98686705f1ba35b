"""The demo is made once, and what is there already stays."""

from pathlib import Path

import nbformat
import pytest

from cocalc_hub_ext.auth.identity import Identities
from cocalc_hub_ext.db.engine import Database
from cocalc_hub_ext.ids import ProjectId
from cocalc_hub_ext.projects.demo import DEMO_NOTEBOOK, DEMO_TITLE, copy_notebook, ensure_demo
from cocalc_hub_ext.projects.manager import ProjectManager
from tests.support.fake_hub import FakeHub

PROJECT = ProjectId("b0000000-0000-4000-8000-000000000001")


@pytest.fixture
async def demo(
    tables: Database,
    fake_hub: FakeHub,
    manager: ProjectManager,
    identities: Identities,
    tmp_path: Path,
) -> None:
    await ensure_demo(tables, fake_hub, manager, identities, tmp_path)  # type: ignore[arg-type]


@pytest.mark.usefixtures("demo")
async def test_demo_owns_a_project_that_guest_shares(
    manager: ProjectManager, identities: Identities, tmp_path: Path
) -> None:
    (project,) = await manager.list_projects(await identities.get_person("guest"))

    assert project.title == DEMO_TITLE
    assert [(m.name, m.group) for m in project.members] == [
        ("demo", "owner"),
        ("guest", "collaborator"),
    ]
    home = tmp_path / project.project_id
    assert home.stat().st_mode & 0o777 == 0o700
    nbformat.validate(nbformat.read(home / DEMO_NOTEBOOK, as_version=4))


@pytest.mark.usefixtures("demo")
async def test_a_hub_that_has_a_project_gets_no_demo(
    tables: Database,
    fake_hub: FakeHub,
    manager: ProjectManager,
    identities: Identities,
    tmp_path: Path,
) -> None:
    await ensure_demo(tables, fake_hub, manager, identities, tmp_path)  # type: ignore[arg-type]

    assert len(await manager.list_projects(await identities.get_person("demo"))) == 1


def test_a_notebook_that_is_there_stays(tmp_path: Path) -> None:
    home = tmp_path / PROJECT
    home.mkdir()
    (home / DEMO_NOTEBOOK).write_text("mine")

    copy_notebook(tmp_path, PROJECT)

    assert (home / DEMO_NOTEBOOK).read_text() == "mine"
