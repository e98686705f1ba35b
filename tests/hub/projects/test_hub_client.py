"""Requests to the hub: what is sent, what is understood, how failures read."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from cocalc_hub_ext.errors import HubRefusedError, HubUnreachableError
from cocalc_hub_ext.ids import ProjectId
from cocalc_hub_ext.projects.hub_client import HubClient
from cocalc_hub_ext.projects.lifecycle import Progress, ServerView
from cocalc_hub_ext.projects.membership import share_scopes

PROJECT = ProjectId("b0000000-0000-4000-8000-000000000001")
Answer = Callable[[RequestHandler], object]


class ScriptedHub:
    """An HTTP server that answers by a table of ``(method, path)`` and keeps the requests."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Answer] = {}
        self.requests: list[Any] = []
        script = self

        class Handler(RequestHandler):
            def prepare(self) -> None:
                script.requests.append(self.request)
                answer = script.answers.get((self.request.method or "", self.request.path))
                if answer is None:
                    self.set_status(404)
                    self.finish({"message": "Not Found"})
                    return
                answer(self)
                if not self._finished:
                    self.finish()

        self._server = HTTPServer(Application([(".*", Handler)]))
        socket, self.port = bind_unused_port()
        self._server.add_socket(socket)

    async def close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedHub]:
    made = ScriptedHub()
    yield made
    await made.close()


@pytest.fixture
async def client(scripted: ScriptedHub) -> AsyncIterator[HubClient]:
    base = f"http://127.0.0.1:{scripted.port}"
    made = HubClient(api_url=f"{base}/hub/api", public_url=f"{base}/", token="secret")
    yield made
    made.close()


async def test_every_request_carries_the_token(scripted: ScriptedHub, client: HubClient) -> None:
    scripted.answers["GET", "/hub/api/users/ada"] = lambda handler: handler.write({"name": "ada"})

    assert await client.fetch_user("ada") == {"name": "ada"}
    assert scripted.requests[0].headers["Authorization"] == "token secret"


async def test_what_is_not_there_is_none(client: HubClient) -> None:
    assert await client.fetch_user("nobody") is None
    assert await client.fetch_server(PROJECT) is None


async def test_a_name_never_leaves_its_place_in_the_path(
    scripted: ScriptedHub, client: HubClient
) -> None:
    await client.fetch_user("../services?x=1")

    assert scripted.requests[0].uri == "/hub/api/users/..%2Fservices%3Fx%3D1"


async def test_a_server_is_seen_with_what_is_pending(
    scripted: ScriptedHub, client: HubClient
) -> None:
    model = {"ready": False, "pending": "spawn", "name": ""}
    scripted.answers["GET", f"/hub/api/users/{PROJECT}/server"] = lambda h: h.write(model)

    assert await client.fetch_server(PROJECT) == ServerView(ready=False, pending="spawn")


async def test_all_pages_of_a_list_are_read(scripted: ScriptedHub, client: HubClient) -> None:
    def page(handler: RequestHandler) -> None:
        offset = int(handler.get_argument("offset"))
        following = {"offset": offset + 2} if offset < 4 else None
        items = [{"user": {"name": f"person{offset + n}"}, "scopes": ["x"]} for n in range(2)] + [
            {"user": None, "group": {"name": "g"}, "scopes": []}
        ]
        handler.write({"items": items, "_pagination": {"next": following}})

    scripted.answers["GET", f"/hub/api/shares/{PROJECT}/"] = page

    assert await client.list_shares(PROJECT) == {
        f"person{number}": frozenset({"x"}) for number in range(6)
    }


async def test_a_share_is_granted_with_leaf_scopes(
    scripted: ScriptedHub, client: HubClient
) -> None:
    scripted.answers["POST", f"/hub/api/shares/{PROJECT}/"] = lambda handler: handler.write({})

    await client.grant_share(PROJECT, "ada")

    body = json.loads(scripted.requests[0].body)
    assert body == {"user": "ada", "scopes": sorted(share_scopes(PROJECT))}


async def test_a_user_that_appeared_meanwhile_is_fine(
    scripted: ScriptedHub, client: HubClient
) -> None:
    scripted.answers["POST", f"/hub/api/users/{PROJECT}"] = lambda h: h.set_status(409)

    await client.ensure_user(PROJECT)

    assert [request.method for request in scripted.requests] == ["GET", "POST"]


async def test_progress_is_read_however_the_stream_is_cut(
    scripted: ScriptedHub, client: HubClient
) -> None:
    async def stream(handler: RequestHandler) -> None:
        events = (
            b'data: {"progress": 50, "message": "half"}\n\n\n\n'
            b'data: {"progress": 100, "ready": true, "message": "up"}\n\n'
        )
        for index in range(0, len(events), 7):
            handler.write(events[index : index + 7])
            await handler.flush()

    class Stream(RequestHandler):
        async def get(self) -> None:
            await stream(self)

    server = HTTPServer(Application([(f"/hub/api/users/{PROJECT}/server/progress", Stream)]))
    socket, port = bind_unused_port()
    server.add_socket(socket)
    other = HubClient(api_url=f"http://127.0.0.1:{port}/hub/api", public_url="", token="t")

    steps = [step async for step in other.iter_progress(PROJECT)]

    assert steps == [Progress(50, "half"), Progress(100, "up", ready=True)]
    other.close()
    server.stop()
    await server.close_all_connections()


async def test_many_starts_that_are_followed_keep_nobody_else_waiting() -> None:
    done, followed = asyncio.Event(), asyncio.Semaphore(0)

    class Stream(RequestHandler):
        async def get(self) -> None:
            followed.release()
            await done.wait()

    class User(RequestHandler):
        def get(self) -> None:
            self.finish({"name": "ada"})

    routes = [(r"/hub/api/users/.*/server/progress", Stream), ("/hub/api/users/ada", User)]
    server = HTTPServer(Application(routes))
    socket, port = bind_unused_port()
    server.add_socket(socket)
    client = HubClient(api_url=f"http://127.0.0.1:{port}/hub/api", public_url="", token="t")

    async def follow() -> None:
        async for _ in client.iter_progress(PROJECT):
            pass

    async with asyncio.timeout(60), asyncio.TaskGroup() as starts:
        for _ in range(60):
            starts.create_task(follow())
        for _ in range(60):
            await followed.acquire()
        assert await client.fetch_user("ada") == {"name": "ada"}
        done.set()
    client.close()
    server.stop()
    await server.close_all_connections()


async def test_a_refusal_tells_the_hub_s_reason(scripted: ScriptedHub, client: HubClient) -> None:
    def refuse(handler: RequestHandler) -> None:
        handler.set_status(400)
        handler.write({"status": 400, "message": "b0000000 is pending stop"})

    scripted.answers["POST", f"/hub/api/users/{PROJECT}/server"] = refuse

    with pytest.raises(HubRefusedError, match="pending stop") as caught:
        await client.start_server(PROJECT)
    assert caught.value.status == 400


async def test_a_refused_progress_ends_with_the_reason(client: HubClient) -> None:
    with pytest.raises(HubRefusedError, match="Not Found"):
        _ = [step async for step in client.iter_progress(PROJECT)]


async def test_a_hub_that_is_away_is_told_apart() -> None:
    socket, port = bind_unused_port()
    socket.close()
    client = HubClient(api_url=f"http://127.0.0.1:{port}/hub/api", public_url="", token="t")

    with pytest.raises(HubUnreachableError, match="does not answer"):
        await client.fetch_user("ada")
    client.close()


async def test_a_project_is_told_whom_to_forget(scripted: ScriptedHub, client: HubClient) -> None:
    path = f"/user/{PROJECT}/cocalc/api/members/revoke"
    scripted.answers["POST", path] = lambda handler: handler.set_status(204)

    await client.revoke_member(PROJECT, "ada")

    assert json.loads(scripted.requests[0].body) == {"name": "ada"}
    assert scripted.requests[0].headers["Authorization"] == "token secret"
