"""CoCalc clients find blobs in the store of the notebook (syncdoc-jupyter §1.2, §4.7)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.sync.akv import AKV
from cocalc_jupyter_ext.conat.sync.opening import open_akv, open_core_stream
from cocalc_jupyter_ext.documents.blobs import mirror as module
from cocalc_jupyter_ext.documents.blobs.mirror import BlobMirror, fetch_lost, mirror_name
from cocalc_jupyter_ext.documents.blobs.store import BlobStore
from cocalc_jupyter_ext.documents.blobs.values import blob_id

from ...support.persist import World

PROJECT = "11111111-2222-4333-8444-555555555555"
PATH = "a/b.ipynb"


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@asynccontextmanager
async def open_mirror(client: Client, blobs: BlobStore) -> AsyncIterator[BlobMirror]:
    mirror = BlobMirror(client, PROJECT, PATH, blobs)
    mirror.start()
    mirror.start()
    try:
        yield mirror
    finally:
        await mirror.close()
        await mirror.close()


async def as_client(world: World) -> AKV:
    return await open_akv(await world.client(), name=f"jupyter:{PATH}", project_id=PROJECT)


async def stored(mirror: BlobMirror) -> None:
    done = asyncio.Event()
    mirror.after_stored(done.set)
    await asyncio.wait_for(done.wait(), 60)


def put(blobs: BlobStore, content: bytes) -> str:
    blob = blobs.put(content)
    assert blob is not None
    return blob


def test_the_store_is_named_by_the_notebook() -> None:
    assert mirror_name(PATH) == "jupyter:a/b.ipynb"


async def test_a_client_gets_the_bytes_of_an_id_by_its_key(world: World, blobs: BlobStore) -> None:
    blob, other = put(blobs, b"\x89PNG"), put(blobs, b"x" * 3_000_000)
    async with open_mirror(await world.client(), blobs) as mirror, await as_client(world) as akv:
        mirror.refer([blob, other, blob])
        await stored(mirror)

        assert await akv.get(blob) == b"\x89PNG"
        assert await akv.get(other) == b"x" * 3_000_000
        assert sorted(await akv.keys()) == sorted([blob, other])


async def test_the_store_drops_its_oldest_above_100_mb(world: World, blobs: BlobStore) -> None:
    blob = put(blobs, b"abc")
    async with open_mirror(await world.client(), blobs) as mirror:
        mirror.refer([blob])
        await stored(mirror)
        stream = await open_core_stream(
            await world.client(), name=mirror_name(PATH), project_id=PROJECT
        )
        config = await stream.config()
        await stream.close()

    assert (config.max_bytes, config.discard_policy) == (100_000_000, "old")


async def test_what_waits_is_released_in_order_and_at_once_if_nothing_waits(
    world: World, blobs: BlobStore
) -> None:
    order: list[int] = []
    async with open_mirror(await world.client(), blobs) as mirror:
        mirror.after_stored(lambda: order.append(0))
        assert order == [0]

        mirror.refer([put(blobs, b"one")])
        mirror.after_stored(lambda: order.append(1))
        mirror.after_stored(lambda: order.append(2))
        mirror.refer([put(blobs, b"two")])
        mirror.after_stored(lambda: order.append(3))
        assert order == [0]
        await stored(mirror)

    assert order == [0, 1, 2, 3]


async def test_a_commit_that_cannot_be_published_does_not_hold_up_the_next(
    world: World, blobs: BlobStore, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_mirror(await world.client(), blobs) as mirror:
        mirror.refer([put(blobs, b"one")])
        mirror.after_stored(lambda: 1 / 0)  # type: ignore[arg-type, return-value]  # it fails
        await stored(mirror)

    assert "a commit was not published" in caplog.text


async def test_nobody_waits_for_a_store_that_is_out_of_reach(
    world: World,
    blobs: BlobStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = await world.client()
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.05)
    await world.services[0].close()
    async with open_mirror(client, blobs) as mirror:
        mirror.refer([put(blobs, b"one")])
        await stored(mirror)

    assert "may miss outputs" in caplog.text


async def test_closing_releases_what_waits(world: World, blobs: BlobStore) -> None:
    released: list[int] = []
    async with open_mirror(await world.client(), blobs) as mirror:
        mirror.refer([put(blobs, b"one")])
        mirror.after_stored(lambda: released.append(1))

    assert released == [1]
    mirror.after_stored(lambda: released.append(2))
    assert released == [1, 2]


async def test_what_only_clients_have_is_taken_into_the_store_of_the_project(
    world: World, blobs: BlobStore
) -> None:
    async with await as_client(world) as akv:
        await akv.set(blob_id(b"theirs"), b"theirs")
        await akv.set(blob_id(b"true"), b"false")

    async with open_mirror(await world.client(), blobs) as mirror:
        mirror.refer([blob_id(b"theirs"), blob_id(b"true"), blob_id(b"nobody has it")])
        await stored(mirror)

    assert blobs.get(blob_id(b"theirs")) == b"theirs"
    assert blobs.get(blob_id(b"true")) is None


async def test_lost_blobs_are_fetched_and_others_are_left(world: World, blobs: BlobStore) -> None:
    async with await as_client(world) as akv:
        await akv.set(blob_id(b"theirs"), b"theirs")
    kept = put(blobs, b"kept")

    await fetch_lost(await world.client(), PROJECT, PATH, blobs, [kept, blob_id(b"theirs")])

    assert blobs.get(blob_id(b"theirs")) == b"theirs"
