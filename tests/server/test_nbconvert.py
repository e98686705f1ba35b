"""JupyterLab's export of an open notebook, and who may use it."""

from collections.abc import Iterator

import pytest

from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from .conftest import SLOW_CONFIG, USERS_CONFIG


@pytest.fixture(scope="module")
def users_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Run a server with several users, which writes files only when somebody asks for it."""
    with JupyterServer(tmp_path_factory.mktemp("users"), USERS_CONFIG + SLOW_CONFIG) as server:
        yield server


async def test_lab_exports_what_was_typed_just_now(users_server: JupyterServer) -> None:
    write_notebook(users_server.work / "dir" / "lab.ipynb", "first")
    async with RoomClient(users_server, "dir/lab.ipynb", token="ann") as page:
        page.append_text(" # just typed")
        await page.sent()

        answer = await users_server.request(
            "GET", "nbconvert/markdown/dir/lab.ipynb?download=true", token="ann"
        )

    assert answer.status_code == 200
    assert "first # just typed" in answer.text
    assert "lab.md" in answer.headers["Content-Disposition"]


async def test_what_is_not_open_is_exported_as_ever(users_server: JupyterServer) -> None:
    write_notebook(users_server.work / "closed.ipynb", "first")

    answer = await users_server.request("GET", "nbconvert/script/closed.ipynb", token="ann")
    missing = await users_server.request("GET", "nbconvert/script/missing.ipynb", token="ann")

    assert answer.text.strip().endswith("first")
    assert missing.status_code == 404


async def test_who_may_not_read_exports_nothing(users_server: JupyterServer) -> None:
    write_notebook(users_server.work / "a.ipynb", "secret")

    answer = await users_server.request("GET", "nbconvert/script/a.ipynb", token="outsider")

    assert answer.status_code == 403
    assert "secret" not in answer.text
