from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from yarl import URL

from cocalc_hub_ext.proxy.api import make_api
from cocalc_hub_ext.proxy.routes import RouteTable

from .worlds import LOCAL, Clock, serve_app

TOKEN = "correct horse"
SPEC = "/user/a%40b%2Fc/"
STAMP = "2026-01-01T00:00:00.000Z"


@dataclass
class Api:
    session: aiohttp.ClientSession
    url: str
    table: RouteTable

    async def call(self, method: str, path: str = "", **options: object) -> tuple[int, object]:
        url = URL(f"{self.url}/api/routes{path}", encoded=True)
        async with self.session.request(method, url, **options) as answer:  # type: ignore[arg-type]
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else await answer.read()


@pytest.fixture(params=[False])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    table = RouteTable(by_host=request.param)
    async with (
        serve_app(make_api(table, TOKEN, Clock())) as port,
        aiohttp.ClientSession(headers={"Authorization": f"token {TOKEN}"}) as session,
    ):
        yield Api(session, f"http://{LOCAL}:{port}", table)


async def test_a_route_is_added_listed_and_removed(api: Api) -> None:
    body = {"target": "http://127.0.0.1:1", "user": "a", "jupyterhub": True}
    described = {**body, "last_activity": STAMP}

    assert await api.call("POST", SPEC, json=body) == (201, b"")
    assert await api.call("GET") == (200, {SPEC: described})
    assert await api.call("GET", SPEC) == (200, described)
    assert await api.call("DELETE", SPEC) == (204, b"")
    assert await api.call("GET") == (200, {})


async def test_the_default_route_has_an_empty_path(api: Api) -> None:
    assert await api.call("POST", "/", json={"target": "http://127.0.0.1:1"}) == (201, b"")
    assert await api.call("POST", "", json={"target": "http://127.0.0.1:2"}) == (201, b"")

    assert [(route.routespec, route.target) for route in api.table] == [("/", "http://127.0.0.1:2")]


@pytest.mark.parametrize("api", [True], indirect=True)
async def test_with_host_routing_the_first_segment_is_the_host(api: Api) -> None:
    await api.call("POST", "/a.test/x/", json={"target": "http://127.0.0.1:1"})
    await api.call("POST", "/", json={"target": "http://127.0.0.1:2"})

    assert {route.routespec for route in api.table} == {"a.test/x/", "/"}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_route_that_is_not_there_is_a_404(api: Api, method: str) -> None:
    status, answer = await api.call(method, "/nothing/")

    assert (status, answer) == (404, {"status": 404, "message": "There is no such route."})


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b"{}", b'{"target": 1}', b'{"target": "ftp://x"}', b"\xff"]
)
async def test_a_body_that_makes_no_route_is_a_400_and_changes_nothing(
    api: Api, body: bytes
) -> None:
    status, answer = await api.call("POST", "/x/", data=body)

    assert status == 400
    assert isinstance(answer, dict)
    assert answer["message"]
    assert len(api.table) == 0


async def test_a_huge_body_is_refused(api: Api) -> None:
    status, _ = await api.call("POST", "/x/", data=b" " * 100_000)

    assert status == 413


@pytest.mark.parametrize(
    "given", [None, "", "token", "token wrong", f"bearer {TOKEN}", "token \xe9"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_nothing_is_told_or_done_without_the_secret(
    api: Api, method: str, given: str | None
) -> None:
    headers = {} if given is None else {"Authorization": given}
    async with (
        aiohttp.ClientSession(headers=headers) as stranger,
        stranger.request(method, f"{api.url}/api/routes/x/", json={"target": "http://a:1"}) as got,
    ):
        assert got.status == 403
    assert len(api.table) == 0


async def test_an_empty_secret_opens_nothing() -> None:
    async with (
        serve_app(make_api(RouteTable(), "", Clock())) as port,
        aiohttp.ClientSession(headers={"Authorization": "token "}) as session,
        session.get(f"http://{LOCAL}:{port}/api/routes") as answer,
    ):
        assert answer.status == 403
