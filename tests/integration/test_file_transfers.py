"""Files through a real Jupyter server (conat-sync §5, §7.14; SPEC F1 to F8, F13)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.conat.services.file_reading import read_file
from cocalc_jupyter_ext.conat.services.file_writing import Written, write_file
from cocalc_jupyter_ext.conat.services.files import PIECE_BYTES

from ..support.cocalc_clients import client_of, project_id_of
from ..support.servers import JupyterServer
from ..support.transfers import hash_of, make_file

SIZE = 100_000_000
MAX_GROWTH = 60_000_000


def resident(server: JupyterServer) -> int:
    assert server.process is not None
    return int(psutil.Process(server.process.pid).memory_info().rss)


async def test_a_large_file_travels_both_ways_in_little_memory(tmp_path: Path) -> None:
    digest = make_file(tmp_path / "source", SIZE)
    with JupyterServer(tmp_path / "server") as server:
        project_id = project_id_of(server)
        async with client_of(server) as client:
            await write_file(client, project_id=project_id, path="warm", data=bytes(1_000_000))
            before = most = resident(server)

            async def watched() -> AsyncIterator[bytes]:
                nonlocal most
                with (tmp_path / "source").open("rb") as file:
                    while piece := file.read(PIECE_BYTES):
                        yield piece
                        most = max(most, resident(server))

            written = await write_file(
                client, project_id=project_id, path="folder/big", data=watched()
            )
            assert written == Written(bytes=SIZE, chunks=-(-SIZE // PIECE_BYTES))
            assert hash_of(server.work / "folder" / "big") == digest

            with (tmp_path / "back").open("wb") as back:
                async for piece in read_file(client, project_id=project_id, path="folder/big"):
                    back.write(piece)
                    most = max(most, resident(server))
            assert hash_of(tmp_path / "back") == digest
            assert most - before < MAX_GROWTH


async def test_a_server_killed_in_the_middle_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    with JupyterServer(tmp_path) as server:
        project_id = project_id_of(server)
        (server.work / "old").write_bytes(b"old")
        pieces = 0
        many = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            nonlocal pieces
            while True:
                yield bytes(PIECE_BYTES)
                pieces += 1
                if pieces == 5:
                    many.set()

        async with client_of(server) as client:
            writes = [
                asyncio.create_task(
                    write_file(client, project_id=project_id, path=path, data=endless())
                )
                for path in ("old", "new")
            ]
            await many.wait()
            server.kill()
            results = await asyncio.gather(*writes, return_exceptions=True)

        assert all(isinstance(result, ConatError) for result in results)
        assert (server.work / "old").read_bytes() == b"old"
        assert not (server.work / "new").exists()
