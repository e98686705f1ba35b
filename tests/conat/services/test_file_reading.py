"""conat-sync §5.1, §7.14; SPEC F1 to F4, F8."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import ConatError, Disconnected, RemoteError
from cocalc_jupyter_ext.conat.services.file_reading import (
    MAX_TRANSFERS,
    FileReadService,
    PieceService,
    read_file,
)
from cocalc_jupyter_ext.conat.services.files import PIECE_BYTES, TransferFailed, read_subject
from cocalc_jupyter_ext.conat.services.folder import Folder
from cocalc_jupyter_ext.conat.services.responder import Failure, in_headers
from cocalc_jupyter_ext.conat.types import Headers

from ...support import virtual_time
from ...support.conat_peers import FlakyTransport, clients
from ...support.transfers import (
    PROJECT,
    hash_of,
    make_file,
    plain_read,
    read_all,
    send_replies,
)

SUBJECT = read_subject(PROJECT)


def in_headers_and(told: list[str]) -> Failure:
    def failure(text: str) -> tuple[object, Headers]:
        told.append(text)
        return in_headers(text)

    return failure


@asynccontextmanager
async def project(home: Path, **options: Any) -> AsyncIterator[Client]:
    async with (
        clients(Broker(), None, None) as (one, two),
        FileReadService(one, Folder(home), project_id=PROJECT, **options),
    ):
        yield two


async def test_a_small_file_is_one_piece(tmp_path: Path) -> None:
    """§7.14: one chunk with the content."""
    (tmp_path / "a.txt").write_text("hello")
    async with project(tmp_path) as client:
        assert await read_all(client, "a.txt") == [b"hello"]
        assert await read_all(client, str(tmp_path / "a.txt")) == [b"hello"]


async def test_a_large_file_of_a_named_service_is_several_pieces(tmp_path: Path) -> None:
    """§7.14: with a non-empty name, more than one chunk with equal total hash."""
    digest = make_file(tmp_path / "big", 10_000_000)
    async with project(tmp_path, name="other", compute_server_id=1) as client:
        pieces = await read_all(client, "big", name="other", compute_server_id=1)

        assert [len(piece) for piece in pieces] == [PIECE_BYTES, PIECE_BYTES, 1_611_392]
        assert hash_of(b"".join(pieces)) == digest


async def test_an_empty_file_has_no_piece(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    async with project(tmp_path) as client:
        replies = [each async for each in plain_read(client, SUBJECT, "empty")]

        assert await read_all(client, "empty") == []
        assert [(each.data, each.headers) for each in replies] == [(None, {"done": True})]


async def test_a_service_can_be_closed(tmp_path: Path) -> None:
    """§7.14."""
    async with clients(Broker(), None, None) as (one, two):
        service = FileReadService(one, Folder(tmp_path), project_id=PROJECT)
        await service.start()
        await service.stop()
        await service.stop()

        assert not await two.interest(SUBJECT)


def test_a_reader_that_says_nothing_gets_numbered_pieces_with_pauses(tmp_path: Path) -> None:
    """§5.1, as the original reads: 250 ms between the pieces, and none before the end."""
    make_file(tmp_path / "big", 10_000_000)

    async def check() -> None:
        async with project(tmp_path) as client:
            began_s = asyncio.get_running_loop().time()
            headers = [each.headers async for each in plain_read(client, SUBJECT, "big")]

            assert headers == [{"seq": 1}, {"seq": 2}, {"seq": 3}, {"done": True}]
            assert asyncio.get_running_loop().time() - began_s == pytest.approx(0.5)

    virtual_time.run(check())


def test_a_reader_that_acknowledges_gets_the_next_piece_when_it_asks(tmp_path: Path) -> None:
    """No pause, and never more than one piece ahead."""

    async def check() -> None:
        sent: list[int] = []

        async def source(_path: str) -> AsyncGenerator[bytes, None]:
            for number in range(5):
                sent.append(number)
                yield bytes([number])

        async with clients(Broker(), None, None) as (one, two), PieceService(one, SUBJECT, source):
            began_s = asyncio.get_running_loop().time()
            pieces = read_file(two, project_id=PROJECT, path="x")
            for number in range(5):
                assert await anext(pieces) == bytes([number])
                await virtual_time.settle()
                assert sent == list(range(min(number + 2, 5)))
            assert [piece async for piece in pieces] == []
            assert asyncio.get_running_loop().time() == began_s

    virtual_time.run(check())


def test_a_reader_that_takes_its_time_is_waited_for(tmp_path: Path) -> None:
    make_file(tmp_path / "big", 10_000_000)

    async def check() -> None:
        async with project(tmp_path) as client:
            count = 0
            async for _piece in read_file(client, project_id=PROJECT, path="big"):
                await asyncio.sleep(500)
                count += 1

            assert count == 3

    virtual_time.run(check())


@pytest.mark.parametrize("acknowledges", [True, False])
def test_sending_stops_when_the_reader_is_gone(acknowledges: bool) -> None:
    """§5.1: the sender stops with the text "receiver is gone"."""
    asked: list[str] = []
    ended: list[BaseException] = []
    told: list[str] = []

    async def source(path: str) -> AsyncGenerator[bytes, None]:
        asked.append(path)
        try:
            while True:
                yield b"more"
        except GeneratorExit as error:
            ended.append(error)
            raise

    async def check() -> None:
        async with (
            clients(Broker(), None, None) as (one, two),
            PieceService(one, SUBJECT, source) as service,
        ):
            service._failure = in_headers_and(told)
            if acknowledges:
                pieces = read_file(two, project_id=PROJECT, path="x")
                await anext(pieces)
                await pieces.aclose()
            else:
                replies = two.request_many(SUBJECT, {"path": "x"})
                await anext(replies)
                await two.close()
            await asyncio.sleep(60)

            assert asked == ["x"]
            assert len(ended) == 1
            assert told[0] == "Error: receiver is gone"

    virtual_time.run(check())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("missing", "'missing': No such file or directory"),
        ("../secret", "outside of the project's files"),
        (".", "this is a folder"),
    ],
)
async def test_what_cannot_be_read_is_raised_with_its_reason(
    tmp_path: Path, path: str, text: str
) -> None:
    async with project(tmp_path) as client:
        with pytest.raises(RemoteError, match=text):
            await read_all(client, path)


@pytest.mark.parametrize("data", [None, "a.txt", {}, {"path": 7}, ["a.txt"]])
async def test_a_request_that_makes_no_sense_is_told_so(tmp_path: Path, data: object) -> None:
    async with project(tmp_path) as client:
        reply = await client.request(SUBJECT, data)

        assert reply.data is None
        assert reply.headers == {"error": "Error: to read a file, send {path: text}"}


async def test_a_message_that_is_no_request_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    async with project(tmp_path) as client:
        await client.publish(SUBJECT, {"path": "a"})

        assert await read_all(client, "a") == [b"1"]


GOOD = [(b"1", {"seq": 1}), (b"2", {"seq": 2})]
END: tuple[object, Any] = (None, {"done": True})


@pytest.mark.parametrize(
    ("replies", "error", "text"),
    [
        ([GOOD[1]], TransferFailed, "lost data: piece 2 came instead of 1"),
        ([GOOD[0], GOOD[0]], TransferFailed, "lost data"),
        ([GOOD[0], (b"3", {"seq": 3})], TransferFailed, "lost data"),
        ([(b"1", {"other": 1})], TransferFailed, "lost data"),
        ([("text", {"seq": 1})], TransferFailed, "piece 1 is not binary data"),
        ([*GOOD, (None, {"error": "Error: broken"})], RemoteError, r"^broken$"),
        ([(None, {"error": "no", "code": 403})], RemoteError, r"^no$"),
        (GOOD, TransferFailed, "truncated after piece 2: sender is gone"),
        ([], TransferFailed, r"^sender is gone"),
    ],
)
def test_what_did_not_come_whole_is_an_error(
    replies: Sequence[tuple[object, Any]], error: type[ConatError], text: str
) -> None:
    """§5.1, reader rules."""

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            answering = await send_replies(one, SUBJECT, replies)
            with pytest.raises(error, match=text):
                await read_all(two, "x")
            await answering

    virtual_time.run(check())


async def test_replies_without_headers_are_ignored() -> None:
    """§5.1, reader rules."""
    async with clients(Broker(), None, None) as (one, two):
        sent = [(b"what?", None), GOOD[0], (b"what?", {}), GOOD[1], END]
        answering = await send_replies(one, SUBJECT, sent)

        assert await read_all(two, "x") == [b"1", b"2"]
        await answering


def test_readers_are_told_when_the_service_stops() -> None:
    async def source(_path: str) -> AsyncGenerator[bytes, None]:
        yield b"1"
        await asyncio.sleep(3600)
        yield b"2"

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            service = PieceService(one, SUBJECT, source)
            await service.start()
            pieces = read_file(two, project_id=PROJECT, path="x")
            await anext(pieces)
            await virtual_time.settle()
            began_s = asyncio.get_running_loop().time()
            await service.stop()
            with pytest.raises(RemoteError, match="the sender was stopped"):
                await anext(pieces)
            assert asyncio.get_running_loop().time() == began_s

    virtual_time.run(check())


def test_a_project_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            reading = asyncio.create_task(read_all(two, "a"))
            await asyncio.sleep(20)
            async with FileReadService(one, Folder(tmp_path), project_id=PROJECT):
                assert await reading == [b"1"]
            with pytest.raises(ConatError):
                await read_all(two, "a", max_wait_s=3)

    virtual_time.run(check())


def test_few_files_are_sent_at_a_time_and_the_others_wait() -> None:
    open_now: set[str] = set()
    most = 0

    async def source(path: str) -> AsyncGenerator[bytes, None]:
        nonlocal most
        open_now.add(path)
        most = max(most, len(open_now))
        yield path.encode()
        await asyncio.sleep(1)
        open_now.discard(path)

    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two), PieceService(one, SUBJECT, source):
            reads = [read_all(two, str(number)) for number in range(3 * MAX_TRANSFERS)]
            got = await asyncio.gather(*reads)

            assert got == [[str(number).encode()] for number in range(3 * MAX_TRANSFERS)]
            assert most == MAX_TRANSFERS

    virtual_time.run(check())


def test_a_reader_whose_connection_is_lost_fails_at_once_and_the_sender_stops() -> None:
    """What was sent meanwhile does not come again."""
    ended: list[str] = []

    async def source(path: str) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"more"
        finally:
            ended.append(path)

    async def check() -> None:
        broker = Broker()
        flaky = FlakyTransport(broker)
        async with (
            clients(broker, None) as (one,),
            PieceService(one, SUBJECT, source),
            Client(flaky, rng=lambda: 0.0) as two,
        ):
            pieces = read_file(two, project_id=PROJECT, path="x")
            await anext(pieces)
            await flaky.cut()
            with pytest.raises(Disconnected):
                [piece async for piece in pieces]
            await asyncio.sleep(60)

            assert ended == ["x"]
            assert await anext(read_file(two, project_id=PROJECT, path="y")) == b"more"

    virtual_time.run(check())
