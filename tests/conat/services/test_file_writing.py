"""conat-sync §5.2, §7.14; SPEC F4 to F8."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import (
    ConatError,
    Disconnected,
    NoSubscribers,
    RemoteError,
    RequestTimeout,
)
from cocalc_jupyter_ext.conat.services.file_reading import PieceService
from cocalc_jupyter_ext.conat.services.file_writing import FileWriteService, Written, write_file
from cocalc_jupyter_ext.conat.services.files import PIECE_BYTES, read_subject, write_subject
from cocalc_jupyter_ext.conat.services.folder import Folder

from ...support import virtual_time
from ...support.conat_peers import FlakyTransport, clients
from ...support.transfers import PROJECT, hash_of, make_file, send_replies

WRITE = write_subject(PROJECT)


@asynccontextmanager
async def project(home: Path, **options: Any) -> AsyncIterator[Client]:
    home.mkdir(exist_ok=True)
    async with (
        clients(Broker(), None, None) as (one, two),
        FileWriteService(one, Folder(home), project_id=PROJECT, **options),
    ):
        yield two


async def write(client: Client, path: str, data: Any, **options: Any) -> Written:
    return await write_file(client, project_id=PROJECT, path=path, data=data, **options)


def names(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


async def test_a_small_file_is_one_piece(tmp_path: Path) -> None:
    """§7.14: reports 1 chunk and the byte count, and the content matches."""
    async with project(tmp_path) as client:
        assert await write(client, "new/folder/a.txt", b"hello") == Written(bytes=5, chunks=1)

    assert (tmp_path / "new/folder/a.txt").read_bytes() == b"hello"
    assert names(tmp_path) == ["new/folder/a.txt"]


async def test_a_large_file_of_a_compute_server_is_several_pieces(tmp_path: Path) -> None:
    """§7.14: compute server 1, several chunks, the right byte count and hash."""
    digest = make_file(tmp_path / "source", 10_000_000)
    home = tmp_path / "home"
    async with project(home, compute_server_id=1) as client:
        written = await write(client, "big", tmp_path / "source", compute_server_id=1)

    assert written == Written(bytes=10_000_000, chunks=3)
    assert hash_of(home / "big") == digest


async def test_pieces_are_written_as_they_come(tmp_path: Path) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(10):
            yield bytes([number]) * 1_000_000

    async with project(tmp_path) as client:
        assert await write(client, "a", parts()) == Written(bytes=10_000_000, chunks=3)

    assert (tmp_path / "a").read_bytes() == b"".join(bytes([n]) * 1_000_000 for n in range(10))


async def test_an_empty_file_is_written(tmp_path: Path) -> None:
    async with project(tmp_path) as client:
        assert await write(client, "a", b"") == Written(bytes=0, chunks=0)

    assert (tmp_path / "a").read_bytes() == b""


async def test_a_service_can_be_closed(tmp_path: Path) -> None:
    """§7.14."""
    async with project(tmp_path) as client:
        pass
    async with clients(Broker(), None) as (client,):
        with pytest.raises(NoSubscribers):
            await write(client, "a", b"1")


async def test_the_original_uploads_and_is_answered(tmp_path: Path) -> None:
    """§5.2: {name, path, maxWait}, then {status, bytes, chunks}; the file is there by then."""
    async with project(tmp_path) as client:
        subject = read_subject(PROJECT, 0, "abcdefghij")
        replies = [(b"1", {"seq": 1}), (b"23", {"seq": 2}), (None, {"done": True})]
        answering = await send_replies(client, subject, replies)
        request = {"name": "abcdefghij", "path": "a", "maxWait": 600_000}
        reply = await client.request(WRITE, request)
        await answering

        assert reply.data == {"status": "success", "bytes": 3, "chunks": 2}
        assert (tmp_path / "a").read_bytes() == b"123"


@pytest.mark.parametrize(
    "data",
    [None, {}, {"name": "", "path": "a"}, {"name": "n"}, {"name": 7, "path": "a"}, ["n", "a"]],
)
async def test_a_request_that_makes_no_sense_is_told_so(tmp_path: Path, data: object) -> None:
    async with project(tmp_path) as client:
        reply = await client.request(WRITE, data)

        assert reply.data["status"] == "error"
        assert reply.data["error"].startswith("Error: to write a file, send {name: text")


@pytest.mark.parametrize("max_wait", [None, "long", -1, 0, 1e12, True])
async def test_the_longest_wait_is_bounded_whatever_is_asked(tmp_path: Path, max_wait: Any) -> None:
    async with project(tmp_path) as client:
        subject = read_subject(PROJECT, 0, "n")
        answering = await send_replies(client, subject, [(None, {"done": True})])
        reply = await client.request(WRITE, {"name": "n", "path": "a", "maxWait": max_wait})
        await answering

        assert reply.data["status"] in {"success", "error"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("../a", "outside of the project's files"),
        ("folder", "this is a folder"),
        ("file/a", "'file/a': Not a directory"),
    ],
)
async def test_what_cannot_be_written_is_raised_with_its_reason(
    tmp_path: Path, path: str, text: str
) -> None:
    home = tmp_path / "home"
    async with project(home) as client:
        (home / "folder").mkdir()
        (home / "file").touch()
        with pytest.raises(RemoteError, match=text):
            await write(client, path, b"1")

    assert names(tmp_path) == ["home/file"]


async def test_a_name_cannot_lead_elsewhere(tmp_path: Path) -> None:
    """Nobody makes the project read from a subject of their choice."""
    async with project(tmp_path) as client:
        reply = await client.request(WRITE, {"name": "x.-.y", "path": "a"})

        assert reply.data["status"] == "error"
        assert names(tmp_path) == []


async def test_a_source_that_fails_is_raised_as_it_is_and_leaves_the_old_file(
    tmp_path: Path,
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield bytes(PIECE_BYTES)
        raise ZeroDivisionError("no more")

    (tmp_path / "a").write_bytes(b"old")
    async with project(tmp_path) as client:
        with pytest.raises(ZeroDivisionError):
            await write(client, "a", parts())
        with pytest.raises(FileNotFoundError):
            await write(client, "a", tmp_path / "missing")

    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def endless(pulled: Callable[[], None]) -> AsyncIterator[bytes]:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1_000)
            pulled()

    return parts()


async def test_an_upload_that_is_cancelled_is_removed(tmp_path: Path) -> None:
    pieces = 0
    enough = asyncio.Event()

    def pulled() -> None:
        nonlocal pieces
        pieces += 1
        if pieces > 3 * PIECE_BYTES // 1_000:
            enough.set()

    async with project(tmp_path) as client:
        writing = asyncio.create_task(write(client, "a", endless(pulled)))
        await enough.wait()
        assert "a.partialupload-" in names(tmp_path)[0]
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        async with asyncio.timeout(60):
            while names(tmp_path):
                await asyncio.sleep(0.005)


async def test_a_service_that_stops_removes_what_is_not_whole(tmp_path: Path) -> None:
    enough = asyncio.Event()
    async with clients(Broker(), None, None) as (one, two):
        async with FileWriteService(one, Folder(tmp_path), project_id=PROJECT):
            writing = asyncio.create_task(write(two, "a", endless(enough.set)))
            await enough.wait()
        assert names(tmp_path) == []
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


def test_an_uploader_that_dies_leaves_nothing_behind(tmp_path: Path) -> None:
    """Nobody says that no more comes."""

    async def check() -> None:
        async with (
            clients(Broker(), None, None, None) as (one, two, three),
            FileWriteService(one, Folder(tmp_path), project_id=PROJECT),
        ):
            subject = read_subject(PROJECT, 0, "n")
            answering = await send_replies(two, subject, [(b"1", {"seq": 1})])
            request = {"name": "n", "path": "a", "maxWait": 600_000}
            asking = asyncio.create_task(three.request(WRITE, request, timeout_s=60))
            await answering
            await two.close()
            reply = await asking

            assert reply.data["error"] == "Error: truncated after piece 1: sender is gone"
            assert names(tmp_path) == []

    virtual_time.run(check())


def test_an_uploader_whose_connection_is_lost_is_told_at_once(tmp_path: Path) -> None:
    async def check() -> None:
        broker = Broker()
        flaky = FlakyTransport(broker)
        enough = asyncio.Event()
        async with (
            clients(broker, None) as (one,),
            FileWriteService(one, Folder(tmp_path), project_id=PROJECT),
            Client(flaky, rng=lambda: 0.0) as two,
        ):
            writing = asyncio.create_task(write(two, "a", endless(enough.set)))
            await enough.wait()
            began_s = asyncio.get_running_loop().time()
            await flaky.cut()
            with pytest.raises(Disconnected):
                await writing
            assert asyncio.get_running_loop().time() == began_s
            await asyncio.sleep(60)
            assert names(tmp_path) == []

    virtual_time.run(check())


def test_an_upload_that_is_not_fetched_ends() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            await one.subscribe(WRITE)
            with pytest.raises(RequestTimeout, match="'a' was not fetched for 5 s"):
                await write(two, "a", b"1", max_wait_s=5)

    virtual_time.run(check())


def test_an_upload_may_take_longer_than_one_wait_as_long_as_it_goes_on(tmp_path: Path) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(5):
            await asyncio.sleep(8)
            yield bytes(PIECE_BYTES)

    async def check() -> None:
        async with project(tmp_path) as client:
            written = await write(client, "a", parts(), max_wait_s=10)

            assert written.chunks == 5
            assert asyncio.get_running_loop().time() >= 40

    virtual_time.run(check())


async def test_an_upload_is_handed_out_once(tmp_path: Path) -> None:
    """Who guesses the name gets nothing that was sent already, and spoils the upload at most."""
    served: list[PieceService] = []
    start = PieceService.start

    async def remember(service: PieceService) -> None:
        served.append(service)
        await start(service)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PieceService, "start", remember)
        async with project(tmp_path) as client:
            assert await write(client, "a", b"1") == Written(1, 1)
            (service,) = served
            with pytest.raises(ConatError, match="was fetched before"):
                await anext(service._source("a"))


@pytest.mark.parametrize("answer", [None, {}, {"bytes": "1", "chunks": 1}, "ok"])
async def test_a_project_that_answers_nonsense_is_an_error(answer: object) -> None:
    async with clients(Broker(), None, None) as (one, two):
        answering = await send_replies(one, WRITE, [(answer, None)])
        with pytest.raises(ConatError, match="the project answered an upload with"):
            await write(two, "a", b"1")
        await answering
