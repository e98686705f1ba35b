"""View, edit and run are separate rights, on both faces, also for those who are connected.

The roles of this server's users are in a file, which its authorizer reads for every question.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cocalc_jupyter_ext.conat.errors import SignInFailed
from cocalc_jupyter_ext.conat.transports.tornado_client import socket_url
from cocalc_jupyter_ext.server.connections import UserSockets
from cocalc_jupyter_ext.server.rights import RightsWatch

from ..support.cocalc_clients import client_of
from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer
from .conftest import CONFIG
from .test_connections import Socket, SyncProvider, make

ROLES = {
    "stranger": [],
    "viewer": ["read contents", "read kernels"],
    "editor": ["read contents", "write contents", "read kernels"],
    "runner": ["read contents", "read kernels", "write kernels", "execute kernels"],
    "talker": ["read contents", "execute conat"],
    "coder": ["read contents", "write contents", "execute kernels"],
    "everything": ["read contents", "write contents", "write kernels", "execute kernels",
                   "execute conat"],
    "test-token": ["read contents", "write contents"],
}  # fmt: skip

RIGHTS_CONFIG = (
    CONFIG
    + """
import json
from pathlib import Path
from jupyter_server.auth import Authorizer, IdentityProvider, User

c.CoCalcExtension.rights_check_s = 0.1

class Tokens(IdentityProvider):
    def get_user(self, handler):
        name = self.get_token(handler)
        return User(username=name) if name else None

    def is_token_authenticated(self, handler):
        return True

    def should_check_origin(self, handler):
        return False

class Roles(Authorizer):
    async def is_authorized(self, handler, user, action, resource):
        rights = json.loads(Path("roles.json").read_text())[user.username]
        return f"{action} {resource}" in rights or resource == "api"

c.ServerApp.identity_provider_class = Tokens
c.ServerApp.authorizer_class = Roles
"""
)


@pytest.fixture(scope="module")
def roles_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Run a server with one user per role."""
    server = JupyterServer(tmp_path_factory.mktemp("roles"), RIGHTS_CONFIG)
    set_roles(server)
    write_notebook(server.work / "shared.ipynb", "1")
    with server:
        yield server


def set_roles(server: JupyterServer, **changes: list[str]) -> None:
    """Give every role its rights, and some others."""
    draft = server.folder / "roles.draft"
    draft.write_text(json.dumps(ROLES | changes))
    draft.replace(server.folder / "roles.json")


async def sees(server: JupyterServer, who: str) -> bool:
    body = json.dumps({"format": "json", "type": "notebook"})
    path = "api/collaboration/session/shared.ipynb"
    session = await server.request("PUT", path, token=who, content=body)
    if session.status_code == 403:
        room = server.socket_url("api/collaboration/room/JupyterLab:globalAwareness", who)
        with pytest.raises(InvalidStatus) as refused:
            await connect(room)
        assert refused.value.response.status_code == 403
        return False
    async with RoomClient(server, "shared.ipynb", token=who) as page:
        return bool(page.text)


async def edits(server: JupyterServer, who: str) -> bool:
    if not await sees(server, who):
        return False
    mark = f"# {uuid.uuid4()}"
    async with RoomClient(server, "shared.ipynb", token=who) as page:
        page.append_text(mark)
        saved = await page.save()
    async with RoomClient(server, "shared.ipynb", token="everything") as other:
        is_there = mark in other.text
    assert is_there is (saved == "success")
    assert is_there is (mark in (server.work / "shared.ipynb").read_text())
    return is_there


async def asks(server: JupyterServer, who: str, path: str, **body: Any) -> bool:
    """Ask for what is not there: it is not found by those who may ask."""
    answer = await server.request("POST", path, token=who, content=json.dumps(body))
    assert answer.status_code in {403, 404}, answer.text
    return answer.status_code == 404


async def runs(server: JupyterServer, who: str) -> bool:
    path = "cocalc/api/notebooks/json:notebook:x/run"
    may_run = await asks(server, who, path, kernel_id="k", cells=[{"cell_id": "c"}])
    progress = await server.request("GET", "cocalc/api/runs/x", token=who)
    assert progress.status_code == (404 if may_run else 403)
    return may_run


async def interrupts(server: JupyterServer, who: str) -> bool:
    return await asks(server, who, f"api/kernels/{uuid.uuid4()}/interrupt")


async def enters_conat(server: JupyterServer, who: str) -> bool:
    headers = {"Authorization": f"token {who}"}
    lacking = {"write contents", "execute kernels", "execute conat"} - set(ROLES[who])
    if not lacking:
        async with connect(socket_url(server.url), additional_headers=headers) as socket:
            return str(await socket.recv()).startswith("0{")
    with pytest.raises(InvalidStatus) as refused:
        await connect(socket_url(server.url), additional_headers=headers)
    assert refused.value.response.status_code == 403
    text = (refused.value.response.body or b"").decode()
    assert all(right in text.partition(" here.")[0] for right in lacking)
    assert "read-only" in text
    return False


async def reads_history(server: JupyterServer, who: str) -> bool:
    answer = await server.request("GET", "cocalc/history/versions/shared.ipynb", token=who)
    assert answer.status_code in {200, 403, 404}, answer.text
    return answer.status_code != 403


async def restores(server: JupyterServer, who: str) -> bool:
    return await asks(server, who, "cocalc/history/restore/shared.ipynb", version=1)


Ability = Callable[[JupyterServer, str], Awaitable[bool]]

WHO_MAY: list[tuple[Ability, set[str]]] = [
    (sees, {"viewer", "editor", "runner", "talker", "coder", "everything"}),
    (edits, {"editor", "coder", "everything"}),
    (runs, {"runner", "coder", "everything"}),
    (interrupts, {"runner", "everything"}),
    (enters_conat, {"everything"}),
    (reads_history, {"viewer", "editor", "runner", "talker", "coder", "everything"}),
    (restores, {"editor", "coder", "everything"}),
]


@pytest.mark.parametrize("who", [name for name in ROLES if name != "test-token"])
@pytest.mark.parametrize(("ability", "allowed"), WHO_MAY)
async def test_each_right_allows_what_it_says_and_nothing_else(
    roles_server: JupyterServer, ability: Ability, allowed: set[str], who: str
) -> None:
    assert await ability(roles_server, who) is (who in allowed)


async def test_who_loses_the_right_to_write_reads_on_and_gets_it_back_with_all_that_was_typed(
    roles_server: JupyterServer,
) -> None:
    write_notebook(roles_server.work / "lost.ipynb", "1")
    page = RoomClient(roles_server, "lost.ipynb", token="editor")
    async with RoomClient(roles_server, "lost.ipynb", token="everything") as other, page:
        set_roles(roles_server, editor=ROLES["viewer"])
        await until_save(page, "failed")
        page.append_text(" # typed without the right")
        assert await page.save() == "failed"
        other.append_text(" # by another")
        await page.until(lambda: "by another" in page.text)
        assert "without" not in other.text

        set_roles(roles_server)
        await until_save(page, "success")
        page.append_text(" # with it")
        await other.until(lambda: "with it" in other.text)
        assert other.text == page.text
        assert "typed without the right" in other.text


async def until_save(page: RoomClient, status: str) -> None:
    async with asyncio.timeout(60):
        while await page.save() != status:
            await asyncio.sleep(0.02)


async def test_who_loses_the_right_to_read_is_disconnected_and_told(
    roles_server: JupyterServer,
) -> None:
    page = RoomClient(roles_server, "shared.ipynb", token="viewer")
    await page.connect()
    set_roles(roles_server, viewer=[])
    code, reason = await page.ended()
    set_roles(roles_server)

    assert code == 1003
    assert "may not read" in json.loads(reason)["errorReason"]


@pytest.mark.parametrize("right", ["write contents", "execute kernels", "execute conat"])
async def test_who_loses_a_right_that_conat_needs_is_disconnected_for_good(
    roles_server: JupyterServer, right: str
) -> None:
    async with client_of(roles_server, "everything") as client:
        mine = await client.subscribe("public.x")
        left = [each for each in ROLES["everything"] if each != right]
        set_roles(roles_server, everything=left)
        async with asyncio.timeout(60):
            with pytest.raises(SignInFailed, match="on purpose"):
                await anext(mine)
        set_roles(roles_server)


async def test_pages_come_back_after_a_time_without_an_answer(roles_server: JupyterServer) -> None:
    page = RoomClient(roles_server, "shared.ipynb", token="editor")
    await page.connect()
    roles = roles_server.folder / "roles.json"
    roles.unlink()
    code, reason = await page.ended()
    set_roles(roles_server)
    page.append_text(" # offline")
    await page.connect(new_session=False)

    assert (code, reason) == (1013, "your rights cannot be checked at the moment")
    assert await page.save() == "success"
    await page.disconnect()


class ChangingSocket(Socket):
    """A websocket that counts its checks, and has no answer when it is told so."""

    checks = 0
    fails = False

    async def check_rights(self) -> None:
        self.checks += 1
        if self.fails:
            raise RuntimeError("the authorizer is away")


async def test_every_socket_is_checked_whatever_happens_to_another() -> None:
    sockets = UserSockets()
    provider = SyncProvider()
    sockets.watch(provider)
    good, bad, other = (make(kind, "ann") for kind in (ChangingSocket, ChangingSocket, Socket))
    bad.fails = True
    for socket in (bad, good, other):
        provider.get_user(socket)
    watch = RightsWatch(sockets, 3600)
    await watch.start()

    await watch.check_all()
    await watch.stop()
    await watch.stop()

    assert (good.checks, bad.checks) == (1, 1)
    assert good.closed is other.closed is None
    assert bad.closed == (1013, "your rights cannot be checked at the moment")
