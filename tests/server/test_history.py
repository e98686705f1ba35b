"""Histories over HTTP: what people with and without rights get of which files."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cocalc_jupyter_ext.conat.services.service import call
from cocalc_jupyter_ext.conat.sync.opening import open_inventory
from cocalc_jupyter_ext.documents.history.endpoint import history_subject
from cocalc_jupyter_ext.documents.syncdoc.coordination import string_id
from cocalc_jupyter_ext.server.identity import account_id_from_username

from ..support.cocalc_clients import client_of, project_id_of
from ..support.notebooks import write_notebook
from ..support.room_client import RoomClient
from ..support.servers import TOKEN, JupyterServer
from ..support.waiting import until
from .conftest import USERS_CONFIG

USERS_CONFIG += "\nc.CoCalcExtension.document_close_delay_s = 60\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Run a server with several users, told apart by their tokens."""
    with JupyterServer(tmp_path_factory.mktemp("users"), USERS_CONFIG) as server:
        yield server


async def get(server: JupyterServer, route: str, **options: Any) -> Any:
    response = await server.request("GET", f"cocalc/history/{route}", **options)
    response.raise_for_status()
    return response.json()


async def versions(server: JupyterServer, path: str) -> list[dict[str, Any]]:
    """Return all versions; none while the history has not begun."""
    response = await server.request("GET", f"cocalc/history/versions/{path}?limit=1000")
    return list(response.json()["versions"]) if response.status_code == 200 else []


async def versions_with(server: JupyterServer, path: str, text: str) -> list[dict[str, Any]]:
    """Wait for a newest version that contains a text; return all versions."""
    async with asyncio.timeout(30):
        while True:
            found = await versions(server, path)
            if found:
                newest = await get(server, f"at/{path}?version={found[0]['version']}")
                if text in json.dumps(newest):
                    return found
            await asyncio.sleep(0.05)


async def until_listed(server: JupyterServer, path: str) -> None:
    """Wait until the project's inventory lists the history of a document."""
    project_id = project_id_of(server)
    name = f"patches:{string_id(project_id, path)}"
    async with (
        client_of(server) as client,
        await open_inventory(client, project_id=project_id) as stores,
    ):
        await until(lambda: stores.get(name) is not None)


async def restore(server: JupyterServer, path: str, body: Any, token: str = "ben") -> Any:
    return await server.request(
        "POST", f"cocalc/history/restore/{path}", content=json.dumps(body), token=token
    )


@asynccontextmanager
async def two_pages(server: JupyterServer, path: str, kind: str) -> Any:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(RoomClient(server, path, kind=kind, token=token))
            for token in ("ann", "ben")
        ]


async def test_a_text_is_edited_compared_blamed_and_restored(server: JupyterServer) -> None:
    (server.work / "text.py").write_text("x = 1\n")
    async with two_pages(server, "text.py", "file") as (ann, ben):
        await versions_with(server, "text.py", "x = 1")
        ann.append_text("y = 2\n")
        await versions_with(server, "text.py", "y = 2")
        ben.append_text("z = 3\n")
        newest, *_, oldest = await versions_with(server, "text.py", "z = 3")

        changes = await get(server, f"diff/text.py?a={oldest['version']}&b={newest['version']}")
        blame = await get(server, "blame/text.py")
        authors = [blame["versions"][str(each["version"])]["author"] for each in blame["lines"]]
        response = await restore(server, "text.py", {"version": oldest["version"]})
        await ann.until(lambda: ann.text == "x = 1\n")
        await ben.until(lambda: ben.text == "x = 1\n")

    project_id = project_id_of(server)
    account = {name: account_id_from_username(name, project_id) for name in ("ann", "ben")}
    assert changes["hunks"][0]["lines"] == [["=", "x = 1\n"], ["+", "y = 2\n"], ["+", "z = 3\n"]]
    assert authors[-2:] == [account["ann"], account["ben"]]
    assert {blame["authors"][author] for author in authors[-2:]} == {"ann", "ben"}
    assert response.status_code == 200
    assert response.json()["version"]["author"] == account["ben"]
    await until(lambda: (server.work / "text.py").read_text() == "x = 1\n")


async def test_a_cell_of_a_notebook_is_restored(server: JupyterServer) -> None:
    write_notebook(server.work / "dir" / "a b.ipynb", "1", "2")
    url = "dir/a%20b.ipynb"
    async with RoomClient(server, "dir/a b.ipynb") as page:
        first = (await versions_with(server, url, '"2"'))[0]
        shown = await get(server, f"at/{url}?version={first['version']}")
        page.append_text("  # changed")
        await versions_with(server, url, "# changed")
        cell = shown["notebook"]["cells"][0]["id"]

        response = await restore(server, url, {"version": first["version"], "cells": [cell]}, TOKEN)
        await page.until(lambda: "# changed" not in page.text)

    nbformat.validate(shown["notebook"])
    assert [each["source"] for each in shown["notebook"]["cells"]] == ["1", "2"]
    assert response.json()["version"]["number"] > 1


async def test_versions_come_in_pages_and_only_if_they_are_new(server: JupyterServer) -> None:
    (server.work / "pages.txt").write_text("")
    async with RoomClient(server, "pages.txt", kind="file") as page:
        for number in range(3):
            page.append_text(f"line {number}\n")
            await versions_with(server, "pages.txt", f"line {number}")
    whole = await versions(server, "pages.txt")

    first = await server.request("GET", "cocalc/history/versions/pages.txt?limit=2")
    last = first.json()["versions"][-1]["version"]
    rest = await get(server, f"versions/pages.txt?before={last}")
    again = await server.request(
        "GET",
        "cocalc/history/versions/pages.txt?limit=2",
        headers={"If-None-Match": first.headers["ETag"]},
    )

    assert first.json()["has_more"] is True
    assert first.json()["versions"] + rest["versions"] == whole
    assert (again.status_code, again.content) == (304, b"")


async def test_a_deleted_file_still_shows_what_it_was(server: JupyterServer) -> None:
    (server.work / "gone.txt").write_text("kept\n")
    async with RoomClient(server, "gone.txt", kind="file"):
        found = await versions_with(server, "gone.txt", "kept")
        await until_listed(server, "gone.txt")
    await server.request("DELETE", "api/contents/gone.txt")

    shown = await get(server, f"at/gone.txt?version={found[0]['version']}")
    refused = await restore(server, "gone.txt", {"version": found[0]["version"]})

    assert shown["text"] == "kept\n"
    assert refused.status_code == 404


async def test_collaborators_reach_histories_over_the_message_fabric(
    server: JupyterServer,
) -> None:
    (server.work / "fabric.txt").write_text("x")
    async with RoomClient(server, "fabric.txt", kind="file"):
        found = await versions_with(server, "fabric.txt", "x")
    subject = history_subject(project_id_of(server))
    async with client_of(server, "ann") as client:
        answer = await call(client, subject, "versions", [{"path": "fabric.txt"}], timeout_s=20)

    assert answer["versions"] == found


READ = ("versions/there.txt", "at/there.txt?version=1", "diff/there.txt?a=1&b=2")


@pytest.mark.parametrize("route", [*READ, "blame/there.txt"])
async def test_who_may_not_read_documents_may_not_read_histories(
    server: JupyterServer, route: str
) -> None:
    (server.work / "there.txt").write_text("")

    refused = await server.request("GET", f"cocalc/history/{route}", token="outsider")
    reader = await server.request("GET", f"cocalc/history/{route}", token="reader")
    stranger = await server.request("GET", f"cocalc/history/{route}", token="nobody")

    assert (refused.status_code, stranger.status_code) == (403, 403)
    assert reader.status_code == 404
    assert "has no history" in reader.json()["message"]


@pytest.mark.parametrize("token", ["reader", "outsider", "nobody"])
async def test_who_may_not_write_documents_may_not_restore(
    server: JupyterServer, token: str
) -> None:
    (server.work / "there.txt").write_text("")

    assert (await restore(server, "there.txt", {"version": 1}, token)).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "missing.txt",
        "..%2Fdata%2Fproject-id",
        "dir%2F..%2F..%2Fdata",
        "..",
        "%2E",
        ".hidden.txt",
        "%2Fetc%2Fpasswd",
    ],
)
async def test_only_files_of_the_project_have_histories(server: JupyterServer, path: str) -> None:
    (server.work / ".hidden.txt").write_text("secret")
    streams = server.folder / "data" / "cocalc" / "sync"

    before = sorted(streams.rglob("*patches*.db"))
    response = await server.request("GET", f"cocalc/history/versions/{path}")

    assert response.status_code == 404
    assert (await restore(server, path, {"version": 1})).status_code == 404
    assert sorted(streams.rglob("*patches*.db")) == before


@pytest.mark.parametrize(
    ("route", "status"),
    [
        ("versions/there.txt?limit=x", 400),
        ("versions/there.txt?limit=0", 400),
        ("versions/there.txt?before=now", 400),
        ("at/there.txt", 400),
        ("diff/there.txt?a=1", 400),
        ("at/there.txt?version=1", 404),
    ],
)
async def test_questions_that_make_no_sense_are_refused(
    server: JupyterServer, route: str, status: int
) -> None:
    (server.work / "there.txt").write_text("")

    response = await server.request("GET", f"cocalc/history/{route}")

    assert response.status_code == status
    assert response.json()["message"]


@pytest.mark.parametrize(
    "body", [None, [], {}, {"version": "x"}, {"version": 1, "cells": []}, {"version": 1.5}]
)
async def test_restoring_nonsense_is_refused(server: JupyterServer, body: Any) -> None:
    (server.work / "there.txt").write_text("")

    assert (await restore(server, "there.txt", body)).status_code == 400


async def test_nothing_failed_on_the_way(server: JupyterServer) -> None:
    assert "Traceback" not in Path(server.folder / "server.log").read_text()
