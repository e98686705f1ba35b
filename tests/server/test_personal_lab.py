"""Several people on one server: what each finds of JupyterLab's layout and settings."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cocalc_jupyter_ext.server.personal_lab import folder_of

from ..support.servers import JupyterServer

CONFIG = """
import os
from jupyter_server.auth import IdentityProvider, User

os.environ["JUPYTERHUB_USER"] = "owner"

class Names(IdentityProvider):
    def get_user(self, handler):
        name = self.get_token(handler)
        return User(username=name) if name else None

    def is_token_authenticated(self, handler):
        return True

c.ServerApp.identity_provider_class = Names
c.LabApp.workspaces_dir = os.path.join(os.getcwd(), "workspaces")
c.LabApp.user_settings_dir = os.path.join(os.getcwd(), "settings")
"""
WORKSPACE = "lab/api/workspaces/default"
THEMES = "lab/api/settings/@jupyterlab/apputils-extension:themes"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("lab"), config=CONFIG, has_lab=True)
    with server:
        yield server


async def ask(lab: JupyterServer, name: str, method: str, path: str, **body: Any) -> Any:
    content = json.dumps(body) if body else None
    answer = await lab.request(method, path, token=name, content=content)
    assert answer.status_code in {200, 204}, answer.text
    return answer.json() if answer.content else None


async def test_everybody_finds_their_own_tabs_again(lab: JupyterServer) -> None:
    for name in ("ann", "../ben", "owner"):
        space = {"data": {"tabs": name}, "metadata": {"id": "default"}}
        await ask(lab, name, "PUT", WORKSPACE, **space)

    for name in ("ann", "../ben", "owner"):
        assert (await ask(lab, name, "GET", WORKSPACE))["data"] == {"tabs": name}
        assert len((await ask(lab, name, "GET", "lab/api/workspaces"))["workspaces"]["ids"]) == 1
    assert (await ask(lab, "newcomer", "GET", WORKSPACE))["data"] == {}


async def test_a_theme_is_chosen_for_oneself(lab: JupyterServer) -> None:
    dark = '{"theme": "JupyterLab Dark"}'

    await ask(lab, "ann", "PUT", THEMES, raw=dark)

    assert (await ask(lab, "ann", "GET", THEMES))["raw"] == dark
    assert (await ask(lab, "ben", "GET", THEMES))["raw"] == "{}"
    assert (await ask(lab, "owner", "GET", THEMES))["raw"] == "{}"


async def test_the_files_of_people_are_below_the_stock_folders(lab: JupyterServer) -> None:
    await ask(lab, "eve", "PUT", THEMES, raw="{}")

    assert any(folder_of(lab.folder / "settings", "eve").rglob("*.jupyterlab-settings"))
    assert folder_of("settings", "../eve").parts == ("settings", "people", "@..%2Feve")
