"""Rights: who may read and write documents, and what happens when they are taken away.

The server of these tests has several users, told apart by their tokens, and a hub's service that
is known as one the way jupyterhub-singleuser knows it.
"""

import asyncio
import json
from types import SimpleNamespace

import pytest
from jupyterhub.services.auth import HubAuth
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cocalc_jupyter_ext.server.membership import forget_user

from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import JupyterServer


async def test_a_reader_sees_everything_and_changes_nothing(users_server: JupyterServer) -> None:
    write_notebook(users_server.work / "read.ipynb", "1")
    reader = RoomClient(users_server, "read.ipynb", token="reader")

    async with RoomClient(users_server, "read.ipynb", token="ann") as ann, reader:
        reader.append_text("  # forbidden")
        reader.show(user={"name": "reader"})
        await ann.until(lambda: reader.doc.client_id in ann.awareness.states)
        ann.append_text("  # allowed")
        await reader.until(lambda: "# allowed" in reader.text)

        assert "forbidden" not in ann.text
        assert await reader.save() == "failed"
        assert await ann.save() == "success"

    assert "forbidden" not in (users_server.work / "read.ipynb").read_text()


async def test_who_may_not_read_is_refused(users_server: JupyterServer) -> None:
    write_notebook(users_server.work / "secret.ipynb", "1")
    body = json.dumps({"format": "json", "type": "notebook"})

    session = await users_server.request(
        "PUT", "api/collaboration/session/secret.ipynb", token="outsider", content=body
    )
    room = users_server.socket_url("api/collaboration/room/JupyterLab:globalAwareness", "outsider")
    with pytest.raises(InvalidStatus) as refused:
        await connect(room)

    assert session.status_code == 403
    assert refused.value.response.status_code == 403


async def test_revoking_a_member_ends_all_sockets_of_that_member_only(
    users_server: JupyterServer,
) -> None:
    write_notebook(users_server.work / "members.ipynb", "1")
    ben = RoomClient(users_server, "members.ipynb", token="ben")
    await ben.connect()
    async with (
        RoomClient(users_server, "members.ipynb", token="ann") as ann,
        connect(users_server.socket_url("api/events/subscribe", "ben")) as events,
    ):
        response = await users_server.request(
            "POST", "cocalc/api/members/revoke", token="service", content='{"name": "ben"}'
        )
        code, reason = await ben.ended()
        await asyncio.wait_for(events.wait_closed(), 60)

        assert response.status_code == 204
        assert code == 1003
        assert "no longer a member" in json.loads(reason)["errorReason"]
        assert events.close_code == 1008
        assert await ann.save() == "success"


@pytest.mark.parametrize("token", ["ann", "test-token"])
async def test_only_the_service_may_revoke(users_server: JupyterServer, token: str) -> None:
    response = await users_server.request(
        "POST", "cocalc/api/members/revoke", token=token, content='{"name": "ben"}'
    )

    assert response.status_code == 403
    assert "cocalc" in response.json()["message"]


@pytest.mark.parametrize("body", ["[]", "{}", '{"name": 3}', '{"name": ""}'])
async def test_a_revocation_without_a_name_is_a_bad_request(
    users_server: JupyterServer, body: str
) -> None:
    response = await users_server.request(
        "POST", "cocalc/api/members/revoke", token="service", content=body
    )

    assert response.status_code == 400


async def test_a_page_that_does_not_read_is_disconnected(users_server: JupyterServer) -> None:
    (users_server.work / "big.txt").write_text("")
    writer = RoomClient(users_server, "big.txt", kind="file", token="ann")
    session = await users_server.session("big.txt", file_format="text", file_type="file")
    room = f"api/collaboration/room/text:file:{session['fileId']}"
    lazy = await connect(users_server.socket_url(room, "ben"), max_queue=1)

    async with writer:
        for number in range(200):
            if "ben does not read" in users_server.log:
                break
            writer.append_text(f"{number:06}" * 20_000)
            assert await writer.save() in {"success", "skipped"}
        writer.append_text("the end")
        assert await writer.save() == "success"

    assert "ben does not read" in users_server.log
    lazy.transport.abort()


def test_forgetting_a_user_drops_that_users_tokens_only() -> None:
    hub_auth = HubAuth(api_token="t", api_url="http://127.0.0.1:1/hub/api", cache_max_age=300)
    hub_auth.cache["token:1"] = {"kind": "user", "name": "ben"}
    hub_auth.cache["token:2"] = {"kind": "user", "name": "ann"}
    hub_auth.cache["token:3"] = None

    assert forget_user(SimpleNamespace(hub_auth=hub_auth), "ben") == 1
    assert forget_user(object(), "ben") == 0

    assert "token:1" not in hub_auth.cache
    assert {"token:2", "token:3"} == {
        key for key in ("token:2", "token:3") if key in hub_auth.cache
    }
