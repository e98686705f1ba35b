"""The service as a whole (conat-sync §1.1, §1.3, §7.3, §7.4)."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.errors import ConatError, NoSubscribers, RemoteError
from cocalc_jupyter_ext.conat.persist.access import Owner
from cocalc_jupyter_ext.conat.persist.database.memory_store import MemoryStore
from cocalc_jupyter_ext.conat.persist.server import service as service_module
from cocalc_jupyter_ext.conat.persist.server.balancer import server_of
from cocalc_jupyter_ext.conat.persist.server.service import PersistSettings

from ....support.conat_peers import DenyPrefix, clients
from ....support.persist import message, persist_world
from ....support.waiting import until

PROJECTS = [str(UUID(int=n)) for n in range(20)]


async def test_data_is_kept_in_one_file_for_each_path(tmp_path: Path) -> None:
    async with persist_world(tmp_path / "sync") as world:
        stream = await world.stream("cluster/a b")
        await stream.set(message(1))
        await stream.close()

    assert (tmp_path / "sync" / "hub" / "cluster" / "a b.db").is_file()


async def test_data_survives_the_service(tmp_path: Path) -> None:
    for count in range(2):
        async with persist_world(tmp_path) as world:
            stream = await world.stream()
            receipt = await stream.set(message(1))

        assert receipt.seq == count + 1


async def test_ephemeral_streams_leave_no_file(tmp_path: Path) -> None:
    async with persist_world(tmp_path) as world:
        stream = await world.stream(ephemeral=True)
        await stream.set(message(1))
        other = await world.stream()
        assert (await other.inventory()).count == 1  # §1.4: whoever opens first decides

    assert list(tmp_path.rglob("*.db")) == []


async def test_two_servers_share_the_owners_by_the_rule_and_keep_their_data(
    tmp_path: Path,
) -> None:
    """conat-sync §7.3: streams for many projects use both servers."""
    async with persist_world(tmp_path, server_id="0", ids=["0", "1"]) as world:
        await world.service(server_id="1", ids=[])
        used = {}
        client = await world.client()
        for project in PROJECTS:
            owner = Owner(project_id=project)
            stream = await world.stream(owner=owner, client=client)
            await stream.set(message(project))
            used[owner.scope] = await stream.server_id()

        assert used == {scope: server_of(scope, ["0", "1"]) for scope in used}
        assert set(used.values()) == {"0", "1"}
        assert [service.open_streams for service in world.services] == [
            list(used.values()).count(each) for each in ("0", "1")
        ]


async def test_two_clients_of_a_sharded_stream_see_the_same_data(tmp_path: Path) -> None:
    """conat-sync §7.3: two clients see the same data."""
    async with persist_world(tmp_path, server_id="0", ids=["0", "1"]) as world:
        await world.service(server_id="1", ids=[])
        for project in PROJECTS[:4]:
            owner = Owner(project_id=project)
            one, two = await world.stream(owner=owner), await world.stream(owner=owner)
            await one.set(message(1, key="k"))

            assert await two.keys() == ["k"]


async def test_streams_go_on_at_another_server_when_theirs_is_closed(tmp_path: Path) -> None:
    """conat-sync §7.3: nothing is lost, and the closed server holds no sockets."""
    async with persist_world(tmp_path, server_id="0") as world:
        stream, peer = await world.stream(), await world.stream()
        await stream.set(message(1))
        feed = await peer.changefeed()
        await world.services[0].close()
        await world.service(server_id="1")
        await until(lambda: world.services[0].open_sockets == 0)

        async with asyncio.timeout(60):
            while (receipt := await store(stream)) is None:
                await asyncio.sleep(0.01)

        assert receipt == 2
        seqs = [m.seq async for batch in peer.get_all() for m in batch]
        assert seqs == [1, 2]
        assert await stream.server_id() == "1"
        assert await anext(feed)


async def store(stream: object) -> int | None:
    try:
        return (await stream.set(message(2, msg_id="again"), timeout_s=1)).seq  # type: ignore[attr-defined, no-any-return]
    except ConatError:
        return None


async def test_services_of_other_names_are_independent(tmp_path: Path) -> None:
    """conat-sync §1.1: another name replaces the first segment of the subjects."""
    async with persist_world(tmp_path / "one") as world:
        await world.service(service="persist:a:b", root=tmp_path / "two")
        await (await world.stream()).set(message(1))

        other = await world.stream(service="persist:a:b")

        assert (await other.inventory()).count == 0


async def test_the_archive_is_there_after_opening_and_the_backup_after_closing(
    tmp_path: Path,
) -> None:
    """conat-sync §7.4."""
    archive, backup = tmp_path / "archive", tmp_path / "backup"
    settings = PersistSettings(archive=archive, backup=backup)
    async with persist_world(tmp_path / "sync", settings=settings) as world:
        stream = await world.stream()
        await stream.set(message(1))
        await until((archive / "hub/demo.db").is_file)
        assert not (backup / "hub/demo.db").exists()

    for root in (archive, backup):
        with closing(sqlite3.connect(root / "hub/demo.db")) as database:
            assert database.execute("SELECT seq FROM messages").fetchall() == [(1,)]


async def test_the_archive_follows_what_is_written_while_a_stream_is_open(tmp_path: Path) -> None:
    """conat-sync §7.4: after another write and one interval the archive has changed."""
    archive = tmp_path / "archive" / "hub" / "demo.db"
    settings = PersistSettings(archive=tmp_path / "archive", archive_interval_s=0.01)
    async with persist_world(tmp_path / "sync", settings=settings) as world:
        stream = await world.stream()
        for count in (1, 2):
            await stream.set(message(count))
            await until(lambda wanted=count: archived(archive) == wanted)  # type: ignore[misc]


def archived(file: Path) -> int:
    """Return how many messages an archive holds; one that is not there holds none."""
    if not file.exists():
        return 0
    with closing(sqlite3.connect(file)) as database:
        return int(database.execute("SELECT count(*) FROM messages").fetchone()[0])


async def test_a_lost_file_comes_back_from_the_archive(tmp_path: Path) -> None:
    """conat-sync §7.4: a deleted file is restored, a deleted archive does not matter."""
    settings = PersistSettings(archive=tmp_path / "archive")
    async with persist_world(tmp_path / "sync", settings=settings) as world:
        await (await world.stream()).set(message(1))
    for file in (tmp_path / "sync" / "hub").iterdir():
        file.unlink()

    async with persist_world(tmp_path / "sync", settings=settings) as world:
        assert (await (await world.stream()).inventory()).count == 1


async def test_a_service_that_was_closed_is_not_there_any_more(tmp_path: Path) -> None:
    async with persist_world(tmp_path) as world:
        await world.services[0].close()
        await world.services[0].close()

        with pytest.raises(NoSubscribers):
            await (await world.client()).request("persist.hub.id")


async def test_a_command_that_takes_too_long_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    may_go = threading.Event()

    class SlowStore(MemoryStore):
        def keys(self) -> list[str]:
            may_go.wait(10)
            return super().keys()

    monkeypatch.setattr(service_module, "END_TIMEOUT_S", 0.05)
    async with persist_world(tmp_path, open_store=lambda _options: SlowStore()) as world:
        stream = await world.stream()
        await stream.inventory()
        asking = asyncio.create_task(stream.keys(timeout_s=5))
        await until(lambda: any(each._tasks for each in world.services[0]._sessions))
        closing = asyncio.create_task(world.services[0].close())
        await until(lambda: world.services[0].open_sockets == 0)

        assert "take too long" in caplog.text
        may_go.set()
        await closing
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_service_that_may_not_serve_says_so_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    broker = Broker(DenyPrefix("persist.*.id"))
    async with clients(broker, None, None) as (server, client):
        service = service_module.PersistService(server, tmp_path)
        with pytest.raises(RemoteError, match="permission denied"):
            await service.start()

        with pytest.raises(NoSubscribers):
            await client.request("persist.hub.server.status")
