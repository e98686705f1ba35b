"""Files: JavaScript reads and writes them, knowing nothing of what we added (SPEC F1, F2, F6)."""

from pathlib import Path

from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.services.file_reading import FileReadService
from cocalc_jupyter_ext.conat.services.file_writing import FileWriteService
from cocalc_jupyter_ext.conat.services.folder import Folder
from cocalc_jupyter_ext.conat.transports.tornado_client import TornadoTransport

from ..support.conat_process import conat_process
from ..support.javascript import run_checks
from ..support.transfers import PROJECT


async def test_files_travel_to_and_from_javascript(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with (
        conat_process() as server,
        Client(TornadoTransport(server.address)) as client,
        FileReadService(client, Folder(home), project_id=PROJECT),
        FileWriteService(client, Folder(home), project_id=PROJECT),
    ):
        report = await run_checks("files", server.address, PROJECT)

    assert report["failed"] == []
    assert len(report["passed"]) == 4
    assert sorted(str(path.relative_to(home)) for path in home.rglob("*.*")) == [
        "large.bin",
        "new/small.txt",
    ]
