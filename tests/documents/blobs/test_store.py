"""The store of blobs (design D7; syncdoc-jupyter §4.7)."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.errors import StoreError
from cocalc_jupyter_ext.documents.blobs.store import BlobLimits, BlobStore
from cocalc_jupyter_ext.documents.blobs.values import blob_id

LONG_AGO = 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "blobs"


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*/*")}


def age(folder: Path, blob: str, seconds: int) -> None:
    os.utime(folder / blob[:2] / blob, (LONG_AGO + seconds, LONG_AGO + seconds))


def test_what_was_put_is_there_at_once_and_after_a_restart(folder: Path) -> None:
    store = BlobStore(folder)

    blob = store.put(b"abc")

    assert blob == blob_id(b"abc")
    assert (store.get(blob), store.size(blob)) == (b"abc", 3)
    store.write()
    again = BlobStore(folder)
    assert (again.get(blob), again.size(blob)) == (b"abc", 3)
    assert oct((folder / blob[:2] / blob).stat().st_mode)[-3:] == "600"


def test_what_is_not_there_is_none(folder: Path) -> None:
    store = BlobStore(folder)

    for blob in ("a" * 40, "../../../etc/passwd", "", "A" * 40):
        assert store.get(blob) is None
        assert store.size(blob) is None


def test_equal_bytes_are_kept_once(folder: Path) -> None:
    store = BlobStore(folder)

    assert store.put(b"abc") == store.put(b"abc")
    store.write()
    store.put(b"abc")
    store.write()

    assert files(folder) == {blob_id(b"abc")}


def test_what_was_written_outlives_the_death_of_the_process(folder: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from cocalc_jupyter_ext.documents.blobs.store import BlobStore\n"
        f"store = BlobStore(Path({str(folder)!r}))\n"
        "store.put(b'written'); store.write(); store.put(b'waiting')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False, cwd=Path.cwd())

    assert files(folder) == {blob_id(b"written")}
    assert BlobStore(folder).get(blob_id(b"written")) == b"written"


def test_what_waits_is_bounded(folder: Path) -> None:
    store = BlobStore(folder, BlobLimits(max_pending_bytes=100))

    store.put(b"a" * 60)
    assert files(folder) == set()
    store.put(b"b" * 60)

    assert files(folder) == {blob_id(b"a" * 60), blob_id(b"b" * 60)}


def test_what_is_kept_in_memory_is_bounded_and_all_of_it_can_be_read(folder: Path) -> None:
    store = BlobStore(folder, BlobLimits(max_cached_bytes=100, max_pending_bytes=50))
    blobs = [store.put(bytes([number]) * 60) for number in range(10)]
    store.write()

    assert [store.get(blob or "") for blob in blobs] == [bytes([n]) * 60 for n in range(10)]
    in_memory = sum(map(len, [*store._cache.values(), *store._pending.values()]))
    assert in_memory <= 100


def test_a_file_that_was_cut_short_does_not_count_and_is_written_anew(folder: Path) -> None:
    store = BlobStore(folder)
    blob = store.put(b"abcdef") or ""
    store.write()
    place = folder / blob[:2] / blob
    for damage in (b"abc", b"xxxxxx"):
        place.write_bytes(damage)
        store = BlobStore(folder)

        assert store.get(blob) is None

        store.put(b"abcdef")
        store.write()
        assert BlobStore(folder).get(blob) == b"abcdef"


def test_a_full_disk_is_reported_and_tried_again(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    store = BlobStore(folder)
    blob = store.put(b"abc") or ""

    with pytest.raises(StoreError):
        store.write()
    assert store.get(blob) == b"abc"

    folder.unlink()
    store.write()
    assert BlobStore(folder).get(blob) == b"abc"


def test_without_a_disk_what_is_too_much_for_memory_stays_in_its_document(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    store = BlobStore(folder, BlobLimits(max_pending_bytes=100))

    assert store.put(b"a" * 60) == blob_id(b"a" * 60)
    assert store.put(b"b" * 60) is None
    assert store.get(blob_id(b"b" * 60)) is None
    assert "stays in its document" in caplog.text


async def test_what_was_not_used_for_longest_goes_first(folder: Path) -> None:
    store = BlobStore(folder, BlobLimits(max_bytes=1000))
    blobs = [store.put(bytes([number]) * 300) or "" for number in range(4)]
    store.write()
    for number, blob in enumerate(blobs):
        age(folder, blob, number)
    store = BlobStore(folder, BlobLimits(max_bytes=1000))
    store.get(blobs[0])  # used again

    assert await store.tidy() == 1

    assert files(folder) == {blobs[0], blobs[2], blobs[3]}
    assert store.get(blobs[1]) is None
    assert await store.tidy() == 0


async def test_what_an_open_document_shows_never_goes(folder: Path) -> None:
    store = BlobStore(folder, BlobLimits(max_bytes=500))
    blobs = [store.put(bytes([number]) * 300) or "" for number in range(2)]
    store.write()
    for number, blob in enumerate(blobs):
        age(folder, blob, number)
    stop = store.protect(lambda: [blobs[0]])

    await store.tidy()
    assert files(folder) == {blobs[0]}

    stop()
    stop()
    store.put(b"x" * 300)
    store.write()
    age(folder, blobs[0], 0)
    await store.tidy()
    assert files(folder) == {blob_id(b"x" * 300)}  # young: it may not be in its document yet


def test_there_is_an_end_to_what_is_taken(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = BlobStore(folder, BlobLimits(max_bytes=1000, max_pending_bytes=0))

    taken = [store.put(bytes([number]) * 400) for number in range(5)]

    assert [blob is not None for blob in taken] == [True, True, True, False, False]
    assert "holds as much as it may" in caplog.text


def test_what_a_killed_server_has_begun_to_write_is_removed(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / ".1-1").write_bytes(b"begun")
    os.utime(folder / ".1-1", (LONG_AGO, LONG_AGO))
    (folder / ".2-1").write_bytes(b"another server is at it")
    store = BlobStore(folder)

    store.put(b"abc")
    store.write()

    assert {path.name for path in folder.glob(".*")} == {".2-1"}


def test_servers_and_threads_share_a_folder(folder: Path) -> None:
    stores = [BlobStore(folder, BlobLimits(max_pending_bytes=500)) for _ in range(3)]
    contents = [bytes([number]) * 100 for number in range(50)]

    def work(store: BlobStore) -> Callable[[], None]:
        def put_all() -> None:
            for content in contents:
                store.put(content)
            store.write()

        return put_all

    threads = [threading.Thread(target=work(store)) for store in stores for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert files(folder) == set(map(blob_id, contents))
    assert all(stores[0].get(blob_id(content)) == content for content in contents)


async def test_flushing_does_not_keep_the_event_loop(folder: Path) -> None:
    store = BlobStore(folder)
    store.put(b"abc")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await store.flush()
    counting.cancel()

    assert files(folder) == {blob_id(b"abc")}
    assert turns > 0
