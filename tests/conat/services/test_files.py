"""conat-sync §5; SPEC F1, F3, F4."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.errors import RequestTimeout
from cocalc_jupyter_ext.conat.services.files import (
    PIECE_BYTES,
    TransferFailed,
    cut,
    pieces_of_file,
    read_subject,
    while_present,
    write_subject,
)

from ...support import virtual_time
from ...support.conat_peers import clients

P = "11111111-1111-4111-8111-111111111111"


def test_the_subjects_name_the_project_and_the_compute_server() -> None:
    assert read_subject(P) == f"project.{P}.0.files:read.-"
    assert read_subject(P, 3, "abc") == f"project.{P}.3.files:readabc.-"
    assert write_subject(P) == f"project.{P}.0.files:write.-"
    assert write_subject(P, 3) == f"project.{P}.3.files:write.-"


@pytest.mark.parametrize("name", ["a.b", "*", ">", "a b", "x" * 101, "ž"])
def test_a_name_cannot_change_the_form_of_a_subject(name: str) -> None:
    with pytest.raises(TransferFailed):
        read_subject(P, 0, name)


@pytest.mark.parametrize(
    ("size", "part"),
    [
        (0, 1),
        (1, 1),
        (PIECE_BYTES, 1_000_000),
        (PIECE_BYTES + 1, PIECE_BYTES),
        (10_000_000, 999_999),
        (10_000_000, 10_000_000),
    ],
)
async def test_data_of_any_form_is_cut_into_pieces_of_one_size(size: int, part: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, size, part):
            yield data[start : start + part]

    at_once = [each async for each in cut(data)]
    collected = [each async for each in cut(parts())]

    assert b"".join(at_once) == b"".join(collected) == data
    assert [len(each) for each in at_once] == [len(each) for each in collected]
    assert all(len(each) == PIECE_BYTES for each in at_once[:-1])
    assert len(at_once) == -(-size // PIECE_BYTES)


async def test_a_file_is_read_in_pieces_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * (PIECE_BYTES + 7))
    opened: list[io.FileIO] = []

    def open_file() -> io.FileIO:
        opened.append(io.FileIO(path))
        return opened[-1]

    sizes = [len(piece) async for piece in pieces_of_file(open_file)]
    left = pieces_of_file(open_file)
    await anext(left)
    await left.aclose()

    assert sizes == [PIECE_BYTES, 7]
    assert [file.closed for file in opened] == [True, True]


def test_waiting_ends_when_the_other_side_is_gone() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            there = await one.subscribe("x")
            forever: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting = asyncio.create_task(
                while_present(two, "x", forever, who="sender", max_wait_s=600)
            )
            await asyncio.sleep(100)
            assert not waiting.done()
            there.close()
            with pytest.raises(TransferFailed, match="sender is gone"):
                await waiting

            assert asyncio.get_running_loop().time() < 120
            assert forever.cancelled()

    virtual_time.run(check())


def test_waiting_ends_when_it_takes_too_long() -> None:
    async def check() -> None:
        async with clients(Broker(), None, None) as (one, two):
            await one.subscribe("x")
            forever: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            with pytest.raises(RequestTimeout, match="nothing came from sender for 600 s"):
                await while_present(two, "x", forever, who="sender", max_wait_s=600)
            assert forever.cancelled()

    virtual_time.run(check())


async def test_what_is_there_already_is_returned_without_asking() -> None:
    async with clients(Broker(), None) as (one,):
        assert await while_present(one, "x", asyncio.sleep(0, 7), who="sender", max_wait_s=1) == 7
