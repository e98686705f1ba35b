"""Large outputs over HTTP, and notebooks that are written through the contents manager.

Contract: syncdoc-jupyter §4.7, §12.2; reference jupyterlab-rtc §7.
"""

import asyncio
import base64
import hashlib
import json
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pycrdt import Doc

from cocalc_jupyter_ext.documents.blobs.notebook import notebook_class
from cocalc_jupyter_ext.documents.blobs.placeholders import PLACEHOLDER, extract
from cocalc_jupyter_ext.documents.blobs.store import BlobLimits, BlobStore
from cocalc_jupyter_ext.server.blobs import ProjectBlobs

from ..support.documents import MemoryStorage
from ..support.notebooks import notebook
from ..support.servers import JupyterServer
from .conftest import USERS_CONFIG

CONTENT = bytes(range(256)) * 100
SHA1 = hashlib.sha1(CONTENT).hexdigest()
URL = f"cocalc/blobs/{SHA1}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Run a server with several users, told apart by their tokens, and one blob."""
    server = JupyterServer(tmp_path_factory.mktemp("blobs"), USERS_CONFIG)
    store = BlobStore(server.folder / "data" / "cocalc" / "blobs")
    store.put(CONTENT)
    store.write()
    with server:
        yield server


async def test_a_blob_comes_with_the_type_that_is_asked_for_and_can_do_nothing(
    server: JupyterServer,
) -> None:
    answer = await server.request("GET", f"{URL}?type=image/svg%2Bxml")

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"sandbox", "default-src 'none'", "frame-ancestors 'self'"} <= set(policy)
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("", "application/octet-stream"),
        ("?type=image/png", "image/png"),
        ("?type=application/pdf", "application/pdf"),
        ("?type=text/html", "text/html; charset=utf-8"),
    ],
)
async def test_types_are_those_of_a_closed_list(
    server: JupyterServer, asked: str, sent: str
) -> None:
    answer = await server.request("GET", URL + asked)
    assert answer.headers["Content-Type"] == sent


@pytest.mark.parametrize("kind", ["text/javascript", "image/png, text/html", "x"])
async def test_other_types_are_refused(server: JupyterServer, kind: str) -> None:
    answer = await server.request("GET", URL, params={"type": kind})
    assert answer.status_code == 400
    assert "image/png" in answer.text


async def test_a_browser_asks_once(server: JupyterServer) -> None:
    answer = await server.request("GET", URL)
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer.headers["ETag"] == f'"{SHA1}"'

    again = await server.request("GET", URL, headers={"If-None-Match": f'"{SHA1}"'})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_part_can_be_asked_for(server: JupyterServer) -> None:
    part = await server.request("GET", URL, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(CONTENT)}"

    end = await server.request("GET", URL, headers={"Range": "bytes=-5"})
    assert end.content == CONTENT[-5:]
    beyond = await server.request("GET", URL, headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416


async def test_the_head_says_how_large_it_is(server: JupyterServer) -> None:
    answer = await server.request("HEAD", f"{URL}?type=image/png")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(CONTENT)


async def test_what_is_gone_says_what_to_do_and_is_asked_for_again(server: JupyterServer) -> None:
    answer = await server.request("GET", f"cocalc/blobs/{'0' * 40}?type=image/png")
    assert answer.status_code == 404
    assert "Run its cell again" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["A" * 40, "0" * 39, "..%2f..%2fetc%2fpasswd"])
async def test_other_names_are_no_blobs(server: JupyterServer, name: str) -> None:
    assert (await server.request("GET", f"cocalc/blobs/{name}")).status_code == 404


@pytest.mark.parametrize(("who", "status"), [("reader", 200), ("outsider", 403), ("nobody", 302)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_may_look_at_notebooks_may_have_blobs(
    server: JupyterServer, method: str, who: str, status: int
) -> None:
    answer = await server.request(method, URL, token=who)
    assert answer.status_code == status
    assert (answer.content == CONTENT) == (status == 200 and method == "GET")


async def test_a_notebook_is_completed_before_it_is_written(server: JupyterServer) -> None:
    whole = {"image/png": base64.b64encode(CONTENT).decode(), "text/plain": "x"}
    gone = {"image/png": base64.b64encode(CONTENT[::-1]).decode(), "text/plain": "y"}
    bundles = [extract(data, lambda content: hashlib.sha1(content).hexdigest())
               for data in (whole, gone)]  # fmt: skip
    assert all(PLACEHOLDER in bundle for bundle in bundles)
    content = notebook("1")
    content["cells"][0]["outputs"] = [
        {"output_type": "display_data", "data": bundle, "metadata": {}} for bundle in bundles
    ]

    model = {"type": "notebook", "format": "json", "content": content}
    answer = await server.request("PUT", "api/contents/a.ipynb", content=json.dumps(model))

    assert answer.status_code == 201
    written = json.loads((server.work / "a.ipynb").read_text())["cells"][0]["outputs"]
    assert written[0]["data"]["image/png"] == whole["image/png"]
    assert PLACEHOLDER not in written[0]["data"]
    assert PLACEHOLDER in written[1]["data"]  # so that it is found when it comes back


def project_blobs(folder: Path, max_bytes: int) -> ProjectBlobs:
    contents = SimpleNamespace(register_pre_save_hook=lambda _hook: None)
    store = BlobStore(folder, BlobLimits(max_bytes=max_bytes))
    return ProjectBlobs(store, lambda: contents, MemoryStorage(), tidy_every_s=0.01)


def old_blob(blobs: ProjectBlobs, folder: Path, content: bytes) -> str:
    blob = blobs.store.put(content) or ""
    blobs.store.write()
    os.utime(folder / blob[:2] / blob, (1, 1))
    return blob


def live(blobs: ProjectBlobs, content: bytes, *, closed: bool, unsaved: bool) -> Any:
    """Return a document of which the store knows just this."""
    ydoc = notebook_class(blobs.store)(Doc())
    shown = notebook("1")
    data = {"image/png": base64.b64encode(content).decode()}
    shown["cells"][0]["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    ydoc.set(shown)
    return _Document(
        ydoc=ydoc, room_id=str(content[:1]), closed=closed, file=SimpleNamespace(unsaved=unsaved)
    )


class _Document(SimpleNamespace):
    """Unlike its base class, it can be referred to weakly."""


async def test_old_outputs_go_unless_a_document_needs_them(tmp_path: Path) -> None:
    blobs = project_blobs(tmp_path, 60_000)
    kinds = [(b"a", False, False), (b"b", True, True), (b"c", True, False)]
    contents = [letter * 20_000 for letter, _, _ in kinds]
    for content, (_, closed, unsaved) in zip(contents, kinds, strict=True):
        blobs.opened(live(blobs, content, closed=closed, unsaved=unsaved))
    named = [old_blob(blobs, tmp_path, content) for content in contents]
    unnamed = [old_blob(blobs, tmp_path, bytes([n]) * 6_000) for n in range(2)]

    await blobs.start()
    async with asyncio.timeout(60):
        while blobs.store.size(named[2]) is not None:
            await asyncio.sleep(0.01)
    await blobs.stop()
    await blobs.stop()

    fresh = BlobStore(tmp_path)
    assert fresh.size(named[0]) is not None  # it is open
    assert fresh.size(named[1]) is not None  # its file does not have it yet
    assert [fresh.size(blob) for blob in (named[2], *unnamed)] == [None, None, None]


async def test_a_closed_document_is_not_kept_in_memory(tmp_path: Path) -> None:
    blobs = project_blobs(tmp_path, 60_000)
    document = live(blobs, b"a", closed=False, unsaved=False)
    gone = weakref.ref(document)
    blobs.opened(document)

    await blobs.start()
    document.closed = True
    del document
    async with asyncio.timeout(60):
        while gone() is not None:
            await asyncio.sleep(0.01)
    await blobs.stop()


async def test_stopping_writes_what_waits(tmp_path: Path) -> None:
    blobs = project_blobs(tmp_path, 60_000)
    await blobs.start()
    blob = blobs.store.put(b"abc") or ""
    await blobs.stop()

    assert BlobStore(tmp_path).get(blob) == b"abc"


def test_what_is_no_notebook_is_written_as_it_is(tmp_path: Path) -> None:
    blobs = project_blobs(tmp_path, 60_000)
    for model in ({"type": "file", "content": "x"}, {"type": "notebook", "content": None}):
        before = dict(model)
        blobs.complete(model, path="a", contents_manager=None)
        assert model == before
