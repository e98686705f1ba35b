"""conat in a real Jupyter Server: who may connect, and what the project answers."""

import asyncio
import json
import time

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cocalc_jupyter_ext.conat.errors import RemoteError, SignInFailed
from cocalc_jupyter_ext.conat.persist.access import Owner, StorageOptions
from cocalc_jupyter_ext.conat.persist.client.remote import acquire
from cocalc_jupyter_ext.conat.persist.messages import NewMessage
from cocalc_jupyter_ext.conat.protocol.subjects import project_subject
from cocalc_jupyter_ext.conat.services.service import call
from cocalc_jupyter_ext.conat.transports.tornado_client import socket_url
from cocalc_jupyter_ext.conat.types import ProjectId
from cocalc_jupyter_ext.server.conat import ConatService
from cocalc_jupyter_ext.server.identity import account_id_from_username

from ..javascript.test_conformance import CHECKS, PROJECT_CHECKS
from ..support.cocalc_clients import api_of, client_of, project_id_of
from ..support.javascript import run_checks
from ..support.servers import TOKEN, JupyterServer

P = ProjectId("cccccccc-cccc-4ccc-8ccc-cccccccccccc")
OTHER = ProjectId("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb")


async def test_the_project_answers_its_collaborators(server: JupyterServer) -> None:
    async with client_of(server) as client:
        # As the official client asks: one object, also where nothing is to be said (§8.1).
        answer = await call(client, api_of(server), "system.ping", [{}], timeout_s=10)
        pong = await call(client, api_of(server), "ping", timeout_s=10)

        assert abs(answer["now"] - time.time() * 1000) < 60_000
        assert pong == "pong"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("editor.printSageWS", "'editor.printSageWS' is not supported by this server"),
        ("system.nonsense", "unknown function 'system.nonsense'"),
        ("system.listing", "system.listing: path is missing"),
    ],
)
async def test_what_the_project_cannot_do_is_a_clear_error(
    server: JupyterServer, name: str, reason: str
) -> None:
    async with client_of(server) as client:
        with pytest.raises(RemoteError, match=reason):
            await call(client, api_of(server), name, [{"command": "ls"}], timeout_s=10)


async def test_another_project_is_out_of_reach(server: JupyterServer) -> None:
    async with client_of(server) as client:
        with pytest.raises(RemoteError, match="permission denied") as refusal:
            await call(client, project_subject(OTHER, "api", compute_server_id=0), "ping")

        assert refusal.value.code == 403


async def test_an_upgrade_without_a_user_is_refused(server: JupyterServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(socket_url(server.url))

    assert refused.value.response.status_code == 403


async def test_a_page_of_another_origin_is_refused(server: JupyterServer) -> None:
    cookie = {"Cookie": cookies_of(server)}
    with pytest.raises(InvalidStatus) as refused:
        await connect(
            socket_url(server.url), additional_headers=cookie, origin="https://evil.example"
        )
    assert refused.value.response.status_code == 403

    async with connect(
        socket_url(server.url), additional_headers=cookie, origin=server.url.rstrip("/")
    ) as socket:
        assert str(await socket.recv()).startswith("0{")


def cookies_of(server: JupyterServer) -> str:
    """Log in as a browser does."""
    with httpx.Client(base_url=server.url) as browser:
        browser.get("/", params={"token": TOKEN})
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


async def status_for(server: JupyterServer, **headers: str) -> int:
    """Return the HTTP status of an attempt to connect; 101 for one that was let in."""
    try:
        async with connect(socket_url(server.url), additional_headers=headers):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


async def test_programs_may_send_the_token_as_cocalcs_cookie(server: JupyterServer) -> None:
    """conat-core §13.1: CoCalc's programs have no way but cookies."""
    assert await status_for(server, Cookie=f"api_key={TOKEN}") == 101
    for wrong in ("wrong", f"%0A{TOKEN}", ""):
        assert await status_for(server, Cookie=f"api_key={wrong}") == 403


async def test_that_cookie_lets_no_page_in(server: JupyterServer) -> None:
    """A token may come from any origin, a cookie must not: it is sent along by the browser."""
    for origin in ("https://elsewhere.example", server.url.rstrip("/")):
        assert await status_for(server, Cookie=f"api_key={TOKEN}", Origin=origin) == 403


async def test_everybody_is_told_the_time(server: JupyterServer) -> None:
    """conat-core §15.4: where a client finds no time, it opens no document for ten seconds."""
    async with client_of(server) as client:
        user = (await client.wait_until_signed_in()).user
        account_id = user["account_id"] if user else None
        for scope in (f"account-{account_id}", f"project-{project_id_of(server)}"):
            now_ms = await call(client, f"time.{scope}.api", "time", wait_for_interest=False)
            assert abs(now_ms - time.time() * 1000) < 60_000


async def test_the_addresses_of_the_cluster_are_the_servers_own(server: JupyterServer) -> None:
    """conat-core §18: on an unclustered server just its own."""
    async with connect(
        socket_url(server.url), additional_headers={"Authorization": f"token {TOKEN}"}
    ) as socket:
        await socket.send("40")
        await socket.send('420["cluster"]')
        async with asyncio.timeout(10):
            while not (answer := str(await socket.recv())).startswith("430"):
                pass

    assert json.loads(answer.removeprefix("430")) == [[server.url.rstrip("/")]]


async def test_long_polling_gets_a_clear_error(server: JupyterServer) -> None:
    answer = await server.request("GET", "conat/?EIO=4&transport=polling")

    assert answer.status_code == 400
    assert "websocket" in answer.json()["message"]


async def test_the_javascript_libraries_work_through_jupyter_server(server: JupyterServer) -> None:
    report = await run_checks("conformance", server.url, cookies_of(server), project_id_of(server))

    assert report["failed"] == []
    assert len(report["passed"]) == CHECKS + PROJECT_CHECKS


async def test_the_account_is_that_of_jupyters_user(users_server: JupyterServer) -> None:
    async with client_of(users_server, "ann") as client:
        info = await client.wait_until_signed_in()

        assert info.user == {"account_id": account_id_from_username("ann", P)}


@pytest.mark.parametrize("token", ["reader", "outsider"])
async def test_who_may_not_execute_may_not_connect(users_server: JupyterServer, token: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(
            socket_url(users_server.url), additional_headers={"Authorization": f"token {token}"}
        )

    assert refused.value.response.status_code == 403


async def test_a_removed_member_is_disconnected_for_good(users_server: JupyterServer) -> None:
    async with client_of(users_server, "ben") as ben, client_of(users_server, "ann") as ann:
        mine = await ben.subscribe(f"project.{project_id_of(users_server)}.x")
        await ann.wait_until_signed_in()
        await users_server.request(
            "POST",
            "cocalc/api/members/revoke",
            token="service",
            content=json.dumps({"name": "ben"}),
        )

        async with asyncio.timeout(60):
            with pytest.raises(SignInFailed, match="on purpose"):
                await anext(mine)
        assert await call(ann, api_of(users_server), "ping") == "pong"


async def test_the_project_keeps_its_id_and_its_clients_over_a_restart(
    own_server: JupyterServer,
) -> None:
    own_server.start()
    before = project_id_of(own_server)
    async with client_of(own_server) as client:
        await call(client, api_of(own_server), "ping", timeout_s=10)
        await asyncio.to_thread(own_server.kill)
        await asyncio.to_thread(own_server.start)
        async with asyncio.timeout(60):
            await client.publish(f"project.{before}.x")

        assert project_id_of(own_server) == before
        assert await call(client, api_of(own_server), "ping", timeout_s=10) == "pong"


async def test_streams_of_the_project_are_shared_and_survive_a_restart(
    own_server: JupyterServer,
) -> None:
    own_server.start()
    project_id = project_id_of(own_server)
    owner = Owner(project_id=project_id)
    options = StorageOptions(owner.path_of("news"))
    async with client_of(own_server) as client, asyncio.timeout(60):
        stream = await acquire(client, owner, options)
        await stream.set(NewMessage(raw=b"\x01", key="k"))
        await asyncio.to_thread(own_server.kill)
        await asyncio.to_thread(own_server.start)

        found = await stream.get(key="k")

        assert found is not None
        assert found.raw == b"\x01"
        await stream.close()
    file = f"projects/{project_id}/news.db"
    assert (own_server.folder / "data" / "cocalc" / "sync" / file).is_file()


async def test_people_have_streams_of_their_own_and_none_of_others(
    users_server: JupyterServer,
) -> None:
    project_id = project_id_of(users_server)
    ann, eve = (account_id_from_username(name, project_id) for name in ("ann", "eve"))
    async with client_of(users_server, "ann") as client, asyncio.timeout(60):
        mine = await acquire(client, Owner(account_id=ann), StorageOptions(f"accounts/{ann}/x"))
        assert (await mine.set(NewMessage(raw=b"\x01"))).seq >= 1
        await mine.close()

        for subject in (
            f"persist.account-{eve}.id",
            f"persist.project-{OTHER}.id",
            "persist.hub.id",
        ):
            with pytest.raises(RemoteError, match="permission denied"):
                await client.request(subject)


async def test_the_service_starts_and_stops_as_often_as_it_is_told_to_stop() -> None:
    service = ConatService(P)
    await service.stop()
    service = ConatService(P)
    await service.start()
    assert len(service.broker.peers) == 2
    await service.stop()
    await service.stop()

    assert service.broker.peers == {}
