"""conat-sync §5, §6.4, §7.14; SPEC F13. Through the broker of a project's server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.services.contents.manager import ContentsManager

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.protocol.subjects import project_subject
from cocalc_jupyter_ext.conat.services.file_reading import read_file
from cocalc_jupyter_ext.conat.services.file_writing import write_file
from cocalc_jupyter_ext.conat.services.files import read_subject, write_subject
from cocalc_jupyter_ext.conat.services.named import ServiceClient
from cocalc_jupyter_ext.conat.services.service import call
from cocalc_jupyter_ext.conat.transports.loopback import LoopbackTransport
from cocalc_jupyter_ext.conat.types import ProjectId, User
from cocalc_jupyter_ext.project.listings import listings_subject
from cocalc_jupyter_ext.server.conat import ConatService
from cocalc_jupyter_ext.server.files import ProjectFiles, folder_of

P = ProjectId("cccccccc-cccc-4ccc-8ccc-cccccccccccc")
MEMBER = User("account", "11111111-1111-4111-8111-111111111111")


@pytest.fixture
async def conat(tmp_path: Path) -> AsyncIterator[ConatService]:
    service = ConatService(P, stream_folder=tmp_path / "sync")
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
async def member(conat: ConatService) -> AsyncIterator[Client]:
    async with Client(LoopbackTransport(conat.broker, MEMBER)) as client:
        yield client


def test_the_files_are_those_of_the_contents_manager(tmp_path: Path) -> None:
    assert folder_of(AsyncLargeFileManager(root_dir=str(tmp_path))) == tmp_path
    assert folder_of(ContentsManager(root_dir=str(tmp_path))) is None
    assert folder_of(object()) is None


async def test_a_member_writes_reads_and_lists_files(
    conat: ConatService, member: Client, tmp_path: Path
) -> None:
    contents = AsyncLargeFileManager(root_dir=str(tmp_path))
    files = ProjectFiles(conat, lambda: contents)
    await files.start()

    await write_file(member, project_id=P, path="new/a.txt", data=b"hello")
    pieces = [piece async for piece in read_file(member, project_id=P, path="new/a.txt")]
    lists = ServiceClient(member, listings_subject(P))
    (entry,) = await lists.call("getListing", {"path": "new"})

    assert pieces == [b"hello"]
    assert (entry["name"], entry["size"]) == ("a.txt", 5)
    await files.stop()
    await files.stop()
    assert [await member.interest(each) for each in (read_subject(P), write_subject(P))] == [
        False,
        False,
    ]


async def test_without_a_folder_nothing_is_served(conat: ConatService, member: Client) -> None:
    files = ProjectFiles(conat, ContentsManager)
    await files.start()

    assert not await member.interest(read_subject(P))
    await files.stop()


async def test_each_of_the_services_can_be_ended(
    conat: ConatService, member: Client, tmp_path: Path
) -> None:
    """hub-project-api §3.1, ``system.terminate``: the others go on."""
    contents = AsyncLargeFileManager(root_dir=str(tmp_path))
    files = ProjectFiles(conat, lambda: contents)
    await files.start()
    api = project_subject(P, "api", compute_server_id=0)
    subjects = {
        "listings": listings_subject(P),
        "files:read": read_subject(P),
        "files:write": write_subject(P),
        "api": api,
    }
    for service, subject in subjects.items():
        assert await member.interest(subject)
        result = await call(member, api, "system.terminate", [{"service": service}])
        assert result == {"status": "terminated", "service": service}
        async with asyncio.timeout(5):
            while await member.interest(subject):
                await asyncio.sleep(0)
    await files.stop()
