"""conat-sync §6.2, §6.4; SPEC F9 to F12. Through a real broker and persist service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.client.client import Client
from cocalc_jupyter_ext.conat.errors import RemoteError
from cocalc_jupyter_ext.conat.services.folder import Folder
from cocalc_jupyter_ext.conat.services.named import ServiceClient
from cocalc_jupyter_ext.conat.sync.dkv import DKV
from cocalc_jupyter_ext.conat.sync.opening import open_dkv
from cocalc_jupyter_ext.conat.types import ProjectId
from cocalc_jupyter_ext.project import listings
from cocalc_jupyter_ext.project.files import FolderListing, list_folder
from cocalc_jupyter_ext.project.listings import ListingService, ListingTimes, listings_subject

from ..support.conat_peers import clients
from ..support.persist import World, persist_world

P = ProjectId("11111111-1111-4111-8111-111111111111")


@dataclass
class Reader:
    """A front end: calls the service and reads the maps."""

    world: World
    client: Client
    service: ServiceClient
    now_s: list[float] = field(default_factory=lambda: [1_700_000_000.0])

    async def open(self, name: str) -> DKV:
        opened = await open_dkv(self.client, name=name, project_id=P)
        return await self.world.stack.enter_async_context(opened)

    async def run(self, home: Path, **times: float) -> ListingService:
        service = ListingService(
            await self.world.client(),
            Folder(home),
            project_id=P,
            times=ListingTimes(**{"poll_s": 0.01, **times}),
            clock=lambda: self.now_s[0],
        )
        return await self.world.stack.enter_async_context(service)


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Reader]:
    async with persist_world(tmp_path / "sync") as world:
        client = await world.client()
        yield Reader(world, client, ServiceClient(client, listings_subject(P)))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "folder").mkdir(parents=True)
    (home / "folder" / "a.txt").write_text("12345")
    return home


@asynccontextmanager
async def change_of(dkv: DKV, key: str) -> AsyncIterator[None]:
    """Wait, at the end of the block, until a key has changed."""
    changed = asyncio.Event()
    forget = dkv.changes.connect(lambda change: changed.set() if change.key == key else None)
    yield
    async with asyncio.timeout(60):
        await changed.wait()
    forget()


def names(listing: Any) -> list[str]:
    return [each["name"] for each in listing["files"]]


def test_the_service_is_one_of_the_project_itself() -> None:
    """§6.2: csid default 0, path `_`."""
    assert listings_subject(P) == f"services.project-{P}.0.listings._"


async def test_a_listing_is_returned_on_request(reader: Reader, home: Path) -> None:
    await reader.run(home)
    (home / ".hidden").touch()

    (folder,) = await reader.service.call("getListing", {"path": "", "hidden": False})
    everything = await reader.service.call("getListing", {"path": "", "hidden": True})

    assert (folder["name"], folder["isdir"], folder["size"]) == ("folder", True, 1)
    assert [each["name"] for each in everything] == [".hidden", "folder"]


async def test_a_missing_folder_is_an_error_with_enoent(reader: Reader, home: Path) -> None:
    """hub-project-api §4.12: as ``system.listing`` (§3.2)."""
    await reader.run(home)

    with pytest.raises(RemoteError, match="ENOENT"):
        await reader.service.call("getListing", {"path": "missing"})


@pytest.mark.parametrize("path", [None, 7, "x" * 5_000, "../x", "missing", "\0"])
async def test_what_cannot_be_listed_is_an_error(reader: Reader, home: Path, path: object) -> None:
    await reader.run(home)

    with pytest.raises(RemoteError, match="calling remote function 'getListing': Error: "):
        await reader.service.call("getListing", {"path": path})


async def test_a_watched_folder_is_in_the_shownwhen_watch_returns(
    reader: Reader, home: Path
) -> None:
    shown, times = await reader.open("listings"), await reader.open("listings-times")
    await reader.run(home)
    async with change_of(shown, "folder"), change_of(times, "folder"):
        assert await reader.service.call("watch", "folder") is None

    now_ms = 1_700_000_000_000
    listing = shown["folder"]
    assert {key: listing[key] for key in ("exists", "time")} == {"exists": True, "time": now_ms}
    assert listing["files"][0]["size"] == 5
    assert times["folder"] == {"updated": now_ms, "interest": now_ms}
    assert (await shown.config()).max_msgs == 50


@pytest.mark.parametrize("path", ["", ".", "~"])
async def test_the_home_folder_has_three_names_and_one_entry(
    reader: Reader, home: Path, path: str
) -> None:
    shown = await reader.open("listings")
    await reader.run(home)
    async with change_of(shown, ""):
        await reader.service.call("watch", path)

    assert list(shown) == [""]
    assert names(shown[""]) == ["folder"]


async def test_changes_of_a_watched_folder_are_followed(reader: Reader, home: Path) -> None:
    shown = await reader.open("listings")
    await reader.run(home)
    async with change_of(shown, "folder"):
        await reader.service.call("watch", "folder")
    async with change_of(shown, "folder"):
        (home / "folder" / "b.txt").write_text("1")
    assert names(shown["folder"]) == ["a.txt", "b.txt"]
    async with change_of(shown, "folder"):
        (home / "folder" / "a.txt").unlink()
    assert names(shown["folder"]) == ["b.txt"]
    async with change_of(shown, "folder"):
        (home / "folder" / "b.txt").write_text("longer")
    assert shown["folder"]["files"][0]["size"] == 6


async def test_a_folder_that_does_not_change_is_written_once(reader: Reader, home: Path) -> None:
    shown, times = await reader.open("listings"), await reader.open("listings-times")
    await reader.run(home)
    async with change_of(shown, "folder"), change_of(times, "folder"):
        await reader.service.call("watch", "folder")
    seq = shown.seq("folder")
    reader.now_s[0] += 20
    async with change_of(times, "folder"):
        await reader.service.call("watch", "folder")

    assert shown.seq("folder") == seq
    assert times["folder"] == {"updated": 1_700_000_000_000, "interest": 1_700_000_020_000}


@pytest.mark.parametrize(("path", "exists"), [("missing", False), ("folder/a.txt", True)])
async def test_what_cannot_be_listed_is_told_in_the_map(
    reader: Reader, home: Path, path: str, exists: bool
) -> None:
    shown = await reader.open("listings")
    await reader.run(home)
    async with change_of(shown, path):
        await reader.service.call("watch", path)

    assert set(shown[path]) == {"error", "time", "exists"}
    assert shown[path]["exists"] is exists


async def test_a_folder_that_goes_away_and_comes_back_is_told(reader: Reader, home: Path) -> None:
    shown = await reader.open("listings")
    await reader.run(home)
    async with change_of(shown, "folder"):
        await reader.service.call("watch", "folder")
    async with change_of(shown, "folder"):
        (home / "folder").rename(home / "elsewhere")
    assert shown["folder"]["exists"] is False
    async with change_of(shown, "folder"):
        (home / "elsewhere").rename(home / "folder")
    assert names(shown["folder"]) == ["a.txt"]


async def test_at_most_500_files_are_told(reader: Reader, home: Path) -> None:
    shown = await reader.open("listings")
    for number in range(501):
        (home / "folder" / f"{number:03}").touch()
    await reader.run(home)
    async with change_of(shown, "folder"):
        await reader.service.call("watch", "folder")

    assert len(shown["folder"]["files"]) == 500
    assert shown["folder"]["more"] is True


async def test_a_folder_nobody_asked_about_for_ten_minutes_is_left_alone(
    reader: Reader, home: Path
) -> None:
    shown = await reader.open("listings")
    service = await reader.run(home)
    async with change_of(shown, "folder"), change_of(shown, ""):
        await reader.service.call("watch", "folder")
        await reader.service.call("watch", "")
    reader.now_s[0] += 599
    await reader.service.call("watch", "")
    assert set(service._watched) == {"", "folder"}
    reader.now_s[0] += 2
    async with change_of(shown, ""):
        (home / "new").touch()  # its change tells that a round is over

    assert set(service._watched) == {""}


async def test_watching_goes_on_after_a_restart(reader: Reader, home: Path) -> None:
    shown, times = await reader.open("listings"), await reader.open("listings-times")
    first = await reader.run(home)
    async with change_of(shown, "folder"), change_of(times, "folder"):
        await reader.service.call("watch", "folder")
    await first.stop()
    await first.stop()
    (home / "folder" / "b.txt").touch()
    async with change_of(shown, "folder"):
        await reader.run(home)

    assert names(shown["folder"]) == ["a.txt", "b.txt"]


async def test_a_folder_that_takes_long_is_looked_at_less_often(
    reader: Reader, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = asyncio.Semaphore(0)
    loop = asyncio.get_running_loop()

    def slow(*args: Any, **options: Any) -> FolderListing:
        reader.now_s[0] += 5
        loop.call_soon_threadsafe(looks.release)
        return list_folder(*args, **options)

    monkeypatch.setattr(listings, "list_folder", slow)
    service = await reader.run(home)
    await reader.service.call("watch", "folder")
    assert service._watched["folder"].due_s == reader.now_s[0] + 100
    while not looks.locked():
        await looks.acquire()
    reader.now_s[0] += 100
    async with asyncio.timeout(60):
        await looks.acquire()


async def test_a_folder_that_cannot_be_looked_at_holds_no_other_up(
    reader: Reader, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown = await reader.open("listings")
    await reader.run(home)
    async with change_of(shown, "folder"), change_of(shown, ""):
        await reader.service.call("watch", "")
        await reader.service.call("watch", "folder")

    def broken(folder: Folder, path: str, **options: Any) -> FolderListing:
        if not path:
            raise ZeroDivisionError("a defect")
        return list_folder(folder, path, **options)

    monkeypatch.setattr(listings, "list_folder", broken)
    async with change_of(shown, "folder"):
        (home / "folder" / "new").touch()

    assert "a defect" in caplog.text


async def test_few_folders_are_watched_and_the_oldest_are_given_up(
    reader: Reader, home: Path
) -> None:
    service = await reader.run(home)
    for number in range(52):
        reader.now_s[0] += 1
        await reader.service.call("watch", f"{number}")

    assert set(service._watched) == {f"{number}" for number in range(2, 52)}


async def test_without_streams_watching_is_an_error_and_listing_works(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cocalc_jupyter_ext.project.listings.OPEN_TIMEOUT_S", 0.05)
    async with (
        clients(Broker(), None, None) as (one, two),
        ListingService(one, Folder(home), project_id=P),
    ):
        service = ServiceClient(two, listings_subject(P))
        with pytest.raises(RemoteError, match="cannot be reached; try again"):
            await service.call("watch", "folder")
        (folder,) = await service.call("getListing", {"path": ""})
        assert folder["name"] == "folder"
