"""The demo of a first run: two people, one project, one notebook.

Made once, while there is no project at all; what people do with it afterwards stays.
"""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from ..auth.identity import Identities
from ..db.engine import Database
from ..db.projects import iter_projects
from ..ids import ProjectId
from .hub_client import HubClient
from .manager import ProjectManager

__all__ = [
    "DEMO_COLLABORATOR",
    "DEMO_NOTEBOOK",
    "DEMO_OWNER",
    "DEMO_TITLE",
    "copy_notebook",
    "ensure_demo",
]

DEMO_OWNER = "demo"
DEMO_COLLABORATOR = "guest"
DEMO_TITLE = "Demo project"
DEMO_NOTEBOOK = "welcome.ipynb"


async def ensure_demo(
    database: Database,
    hub: HubClient,
    manager: ProjectManager,
    identities: Identities,
    projects_root: Path,
) -> None:
    """Make the demo's people and project unless there is a project already."""
    if await database.read(lambda session: next(iter_projects(session), None)) is not None:
        return
    for name in (DEMO_OWNER, DEMO_COLLABORATOR):
        await hub.create_user(name)
    owner = await identities.get_person(DEMO_OWNER)
    project = await manager.create(owner, DEMO_TITLE)
    await manager.add_member(owner, project.project_id, DEMO_COLLABORATOR)
    copy_notebook(projects_root, project.project_id)


def copy_notebook(projects_root: Path, project_id: ProjectId) -> None:
    """Put the packaged notebook into a project's home; one that is there stays as it is."""
    home = projects_root / project_id
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = home / DEMO_NOTEBOOK
    if target.exists():
        return
    with as_file(files("cocalc_hub_ext") / "data" / DEMO_NOTEBOOK) as source:
        shutil.copyfile(source, target)
