"""A stream in a file: the contract, locks, damage, full disks, copies, and upstream's files."""

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.persist.database import database_store
from cocalc_jupyter_ext.conat.persist.database.sqlite_store import SqliteStore
from cocalc_jupyter_ext.conat.persist.errors import (
    Rejected,
    StoreClosed,
    StoreCorrupt,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
)
from cocalc_jupyter_ext.conat.persist.messages import Deleted

from ....contracts.stream_store import (
    START_MS,
    SettableClock,
    StreamStoreContract,
    contents,
    message,
    seqs,
)
from ....support.users import unprivileged

# What another implementation of conat-sync §2.2 creates.
UPSTREAM_TABLES = """
CREATE TABLE messages ( seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE,
  time INTEGER NOT NULL, headers TEXT, compress NUMERIC NOT NULL, encoding NUMERIC NOT NULL,
  raw BLOB NOT NULL, size NUMERIC NOT NULL, ttl NUMERIC );
CREATE TABLE config ( field TEXT PRIMARY KEY, value TEXT NOT NULL );
CREATE INDEX idx_messages_key ON messages(key);
CREATE INDEX idx_messages_time ON messages(time);
INSERT INTO config VALUES ('max_msgs', '100'), ('max_bytes', '-1'), ('max_age', 'NaN'),
  ('allow_msg_ttl', 'true'), ('discard_policy', 'new'), ('desc', '{"a":1}'), ('other', 'x');
INSERT INTO messages(key, time, headers, compress, encoding, raw, size, ttl) VALUES
  (NULL, 1795238542.462, '{"h":"x"}', 0, 0, x'05', 10, NULL),
  ('k', 1795238542, NULL, 0, 1, x'22', 2, 86400000);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "stream.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore.open(path)
    yield store
    store.close()


class TestSqliteStore(StreamStoreContract):
    """A stream in a file keeps the whole contract."""

    @pytest.fixture
    def store(self, clock: SettableClock, path: Path) -> Iterator[SqliteStore]:
        store = SqliteStore.open(path, clock=clock)
        yield store
        store.close()


def run_sql(path: Path, script: str) -> None:
    """Change a closed database from outside."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


# Opening again


def test_everything_is_there_when_opened_again(path: Path, store: SqliteStore) -> None:
    settings = {
        "max_msgs": 50,
        "max_bytes": "no number",
        "allow_msg_ttl": True,
        "desc": {"text": "Ü", "list": [1, None]},
        "discard_policy": "new",
    }
    wanted = store.config(settings).result
    store.set_many([message(b"a" * 5000, key="k", headers={"h": 1}), message(b"b")])
    before, inventory = contents(store), store.inventory()
    store.close()

    again = SqliteStore.open(path)

    assert contents(again) == before
    assert again.config().result == wanted
    assert again.inventory() == inventory
    assert again.set(message()).result.seq == 3
    again.close()


def test_aged_messages_and_one_that_is_too_big_go_when_opened(path: Path) -> None:
    clock = SettableClock()
    store = SqliteStore.open(path, clock=clock)
    store.config({"max_age": 1000, "max_bytes": 100, "max_msgs": 2})
    store.set(message())
    store.close()
    clock.now_ms += 1000
    store = SqliteStore.open(path, clock=clock)
    assert contents(store) == []
    store.set(message(b"x" * 1000))
    assert seqs(store) == [2]
    store.close()

    store = SqliteStore.open(path, clock=clock)
    assert contents(store) == []
    store.close()


@pytest.mark.parametrize(
    ("limits", "raws", "left"),
    [
        ({"max_msgs": 0}, [b"a"], []),
        ({"max_msgs": 2}, [b"a", b"b", b"c"], [b"b", b"c"]),
        # A message of size 0 does not count when it is stored.
        ({"max_msgs": 2}, [b"a", b"b", b""], [b"b", b""]),
        ({"max_bytes": 2}, [b"a", b"b", b""], [b"a", b"b", b""]),
        ({"max_bytes": 0}, [b"a"], []),
        ({"max_bytes": 2, "discard_policy": "new"}, [b"a"], [b"a"]),
    ],
)
def test_a_last_message_beyond_the_limits_is_seen_when_opened(
    path: Path, limits: dict[str, object], raws: list[bytes], left: list[bytes]
) -> None:
    store = SqliteStore.open(path)
    store.config(limits)
    store.set_many([message(raw) for raw in raws])
    store.close()

    store = SqliteStore.open(path)

    assert [m.raw for m in contents(store)] == left
    store.close()


def test_message_ids_outlive_the_open_stream(path: Path, store: SqliteStore) -> None:
    receipt = store.set(message(msg_id="id")).result
    store.close()

    again = SqliteStore.open(path)

    assert again.set(message(msg_id="id")).result == receipt
    again.close()


def test_message_ids_of_what_is_not_stored_are_not_known_after_reopening(
    path: Path, store: SqliteStore
) -> None:
    store.config({"max_msg_size": 5})
    with pytest.raises(Rejected):
        store.set(message(b"123456", msg_id="id"))
    store.close()

    again = SqliteStore.open(path)

    assert again.set(message(b"1", msg_id="id")).result.seq == 1
    again.close()


def test_large_payloads_are_compressed_on_disk(path: Path, store: SqliteStore) -> None:
    store.set_many([message(b"x" * 1024), message(b"x" * 100_000)])
    store.close()

    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT compress, length(raw), size FROM messages").fetchall()

    assert rows[0] == (0, 1024, 1024)
    assert rows[1][0] == 1
    assert rows[1][1] < 1000
    assert rows[1][2] == 100_000


def test_waiting_for_the_disk_can_be_chosen(path: Path) -> None:
    for sync, level in ((False, 1), (True, 2)):
        store = SqliteStore.open(path, sync=sync)
        with store._reading() as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        store.close()


# Replacing (the document update log)


def test_a_snapshot_replaces_what_came_before(store: SqliteStore) -> None:
    store.set_many([message(b"a"), message(b"b"), message(b"c")])

    change = store.replace_through(2, [message(b"ab"), message(b"meta", key="m")])

    assert [receipt.seq for receipt in change.result] == [4, 5]
    assert change.updates[0] == Deleted([1, 2])
    assert [m.raw for m in contents(store)] == [b"c", b"ab", b"meta"]
    assert store.total_bytes() == 1 + 2 + 5


def test_replacing_happens_as_a_whole_or_not_at_all(store: SqliteStore) -> None:
    store.set_many([message(b"kept", msg_id="a")])
    store.config({"max_msg_size": 10})
    before = store.inventory()

    with pytest.raises(Rejected):
        store.replace_through(1, [message(b"new", msg_id="b"), message(b"x" * 11)])

    assert [m.raw for m in contents(store)] == [b"kept"]
    assert store.inventory() == before
    assert store.set(message(msg_id="b")).result.seq == 2


# Locks and rights


def test_a_stream_belongs_to_one_owner_at_a_time(path: Path, store: SqliteStore) -> None:
    with pytest.raises(StoreLocked, match=r"stream.db is in use by another process; stop"):
        SqliteStore.open(path, lock_timeout_s=0.01)

    store.set(message())
    assert seqs(store) == [1]


def test_a_stream_belongs_to_one_process_at_a_time(path: Path, store: SqliteStore) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from cocalc_jupyter_ext.conat.persist.errors import StoreLocked\n"
        "from cocalc_jupyter_ext.conat.persist.database.sqlite_store import SqliteStore\n"
        "try: SqliteStore.open(Path(sys.argv[1]), lock_timeout_s=0.01).close(); print('opened')\n"
        "except StoreLocked: print('locked')\n"
    )

    def other_process() -> str:
        command = [sys.executable, "-c", code, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    # Even after a second attempt in this process, which must not give the lock away.
    with pytest.raises(StoreLocked):
        SqliteStore.open(path, lock_timeout_s=0.01)
    assert other_process() == "locked"
    store.close()
    assert other_process() == "opened"


def test_the_file_is_for_its_user_only(path: Path, store: SqliteStore) -> None:
    assert path.stat().st_mode & 0o077 == 0
    assert path.with_name(path.name + "-wal").stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_missing_rights_are_named(path: Path, store: SqliteStore) -> None:
    store.close()
    path.parent.chmod(0)

    with unprivileged(), pytest.raises(StoreUnavailable, match="may not be used by this user"):
        SqliteStore.open(path)

    path.parent.chmod(0o700)
    SqliteStore.open(path).close()


@pytest.fixture
def readable_by_all(tmp_path: Path) -> Path:
    """Return a folder that nobody can enter too."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_read_only_is_named(readable_by_all: Path, what: str) -> None:
    path = readable_by_all / "stream.db"
    store = SqliteStore.open(path)
    store.set(message())
    store.close()
    path.chmod(0o444 if what == "file" else 0o666)
    readable_by_all.chmod(0o777 if what == "file" else 0o555)

    with unprivileged(), pytest.raises(StoreFull, match="make it writable"):
        SqliteStore.open(path)

    path.chmod(0o600)
    readable_by_all.chmod(0o700)
    store = SqliteStore.open(path)
    assert seqs(store) == [1]
    store.close()


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a" * 300, "choose a shorter one"),
        ("a/" * 3000, "choose a shorter one"),
        ("file/inside.db", "would be in a folder that is a file"),
        ("file/deep/inside.db", "would be in a folder that is a file"),
        ("folder", "is a folder; move it away"),
        ("null\0", "choose another one"),
        ("lone \ud800", "choose another one"),
    ],
)
def test_places_that_cannot_be_are_named(tmp_path: Path, name: str, advice: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    with pytest.raises(StoreUnavailable, match=advice):
        SqliteStore.open(tmp_path / name)


def test_names_may_hold_what_names_hold(tmp_path: Path) -> None:
    path = tmp_path / "patches:1?mode=ro#[x] é%20.db"
    store = SqliteStore.open(path)
    store.close()

    assert [p.name for p in tmp_path.iterdir()] == [path.name]


# Damage


@pytest.mark.parametrize("content", [b"rubbish" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_stream_stays_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(StoreCorrupt, match="move it away"):
        SqliteStore.open(path)

    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "script",
    ["CREATE TABLE messages (id)", "CREATE TABLE config (a)"],
)
def test_a_database_of_something_else_is_no_stream(path: Path, script: str) -> None:
    path.parent.mkdir()
    run_sql(path, script)

    with pytest.raises(StoreCorrupt, match="does not have the tables of a stream"):
        SqliteStore.open(path)


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE messages SET headers = 'no json'",
        "UPDATE messages SET compress = 1",
        "UPDATE messages SET compress = 7",
        "UPDATE messages SET time = 'noon'",
    ],
)
def test_a_damaged_message_is_named_and_the_others_stay(
    path: Path, store: SqliteStore, script: str
) -> None:
    store.set_many([message(b"a"), message(b"b")])
    store.close()
    run_sql(path, f"{script} WHERE seq = 1")
    again = SqliteStore.open(path)

    with pytest.raises(StoreCorrupt):
        contents(again)
    with pytest.raises(StoreCorrupt):
        again.get(seq=1)

    assert [m.raw for m in contents(again, 2)] == [b"b"]
    again.delete(seqs=[1])
    assert again.set(message()).result.seq == 3
    again.close()


def test_damaged_settings_are_said_to_be_damaged(path: Path, store: SqliteStore) -> None:
    store.config({"desc": "text"})
    store.close()
    run_sql(path, "UPDATE config SET value = '{' WHERE field = 'desc'")

    with pytest.raises(StoreCorrupt, match="settings"):
        SqliteStore.open(path)
    # The failed attempt has given the file back.
    run_sql(path, "UPDATE config SET value = '1' WHERE field = 'desc'")
    SqliteStore.open(path).close()


def test_damaged_pages_are_said_to_be_damaged(path: Path, store: SqliteStore) -> None:
    store.set_many([message(os.urandom(900)) for _ in range(200)])
    store.close()
    content = bytearray(path.read_bytes())
    content[20 * 4096 : 40 * 4096] = b"\xff" * (20 * 4096)
    path.write_bytes(content)
    again = SqliteStore.open(path)

    with pytest.raises(StoreCorrupt, match="damaged"):
        contents(again)
    again.close()


# A full disk


def fill(store: SqliteStore) -> None:
    """Let the disk be full."""
    with store._reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")


def test_a_full_disk_loses_nothing_and_the_stream_goes_on(
    tmp_path: Path, store: SqliteStore
) -> None:
    store.config({"max_bytes": 10**9})
    store.set_many([message(b"a", key="k"), message(os.urandom(50_000))])
    before, inventory = contents(store), store.inventory()
    fill(store)
    other = SqliteStore.open(tmp_path / "other.db")

    for _ in range(2):
        with pytest.raises(StoreFull, match="the disk is full; free some space"):
            store.set_many(
                [message(b"b", key="k", msg_id="id"), *[message(os.urandom(50_000))] * 3]
            )
        assert contents(store) == before
        assert store.inventory() == inventory
        other.set(message())

    with store._reading() as connection:
        connection.execute("PRAGMA max_page_count=1000000")
    # The attempt that failed is not taken for a success.
    assert store.set(message(b"b", key="k", msg_id="id")).result.seq == 3
    store.close()
    other.close()


def test_messages_can_be_deleted_on_a_full_disk(store: SqliteStore) -> None:
    store.set_many([message(os.urandom(50_000)) for _ in range(5)])
    fill(store)

    store.delete(last_seq=4)

    assert store.set(message(os.urandom(50_000))).result.seq == 6


def test_a_stream_can_be_read_when_limits_cannot_be_enforced_at_opening(
    path: Path,
    store: SqliteStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.set(message())
    store.close()

    def fail(*_: object) -> None:
        raise StoreFull("the disk is full")

    monkeypatch.setattr(database_store.Writing, "enforce", fail)
    again = SqliteStore.open(path)

    assert seqs(again) == [1]
    assert "limits of a stream are not enforced" in caplog.text
    again.close()


# Space


def test_space_of_deleted_messages_is_given_back(path: Path, store: SqliteStore) -> None:
    store.set_many([message(os.urandom(100_000)) for _ in range(60)])
    store.delete(last_seq=50)
    assert path.stat().st_size < 2_000_000

    store.delete(all=True)

    assert path.stat().st_size < 50_000
    assert store.set(message()).result.seq == 61


def test_little_free_space_is_kept_for_new_messages(path: Path, store: SqliteStore) -> None:
    store.set_many([message(os.urandom(100_000)) for _ in range(60)])
    store.delete(last_seq=20)
    store.close()

    assert path.stat().st_size > 6_000_000


def test_a_vacuum_that_fails_does_not_undo_the_deletion(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.set_many([message(os.urandom(100_000)) for _ in range(20)])
    batches = store._table._connection.execute("SELECT seq FROM messages")
    next(batches)

    # SQLite does not vacuum while a statement is under way.
    change = store.delete(last_seq=19)
    batches.close()

    assert len(change.result) == 19
    assert "is not given back" in caplog.text


# Another program's files


@pytest.mark.parametrize("journal_mode", ["DELETE", "WAL"])
def test_a_file_of_another_program_can_be_used(path: Path, journal_mode: str) -> None:
    path.parent.mkdir()
    run_sql(path, f"PRAGMA journal_mode={journal_mode};{UPSTREAM_TABLES}")
    store = SqliteStore.open(path, clock=SettableClock())

    first, second = contents(store)

    assert (first.time_ms, first.headers, first.raw) == (START_MS, {"h": "x"}, b"\x05")
    assert (second.time_ms, second.key, second.encoding) == (START_MS - 462, "k", 1)
    config = store.config().result
    assert (config.max_msgs, config.max_age, config.allow_msg_ttl) == (100, None, True)
    assert (config.discard_policy, config.desc) == ("new", {"a": 1})
    assert store.set(message(key="k", previous_seq=2)).result.seq == 3
    store.close()


def test_another_program_can_use_our_file(path: Path, store: SqliteStore) -> None:
    store.config({"max_msgs": 7, "allow_msg_ttl": True, "max_age": "x", "desc": [1]})
    store.set_many([message(b"\xc0", key="k", ttl_ms=1500)])
    store.close()

    with closing(sqlite3.connect(path)) as connection:
        config = dict(connection.execute("SELECT field, value FROM config").fetchall())
        row = connection.execute(
            "SELECT seq, key, headers, compress, encoding, raw, size, ttl FROM messages"
        ).fetchone()
        connection.execute(
            "INSERT INTO messages(time, compress, encoding, raw, size, ttl) "
            "VALUES (1, 0, 0, x'c0', 1, 10)"
        )
        connection.commit()

    assert row == (1, "k", None, 0, 0, b"\xc0", 2, 1500)
    assert config == {
        "max_msgs": "7",
        "max_age": "NaN",
        "max_bytes": "-1",
        "max_msg_size": "-1",
        "max_bytes_per_second": "-1",
        "max_msgs_per_second": "-1",
        "discard_policy": "old",
        "allow_msg_ttl": "true",
        "desc": "[1]",
    }


def test_limits_use_indexes(store: SqliteStore) -> None:
    store.config({"allow_msg_ttl": True})
    statements: list[str] = []
    with store._reading() as connection:
        connection.set_trace_callback(statements.append)
        store._table.expired(START_MS)
        store._table.stored_until(START_MS)
        store._table.stored_since(START_MS)
        connection.set_trace_callback(None)
        plans = [
            connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()[-1][3]
            for text in statements
        ]

    assert ["idx_messages_expiry" in plans[0], *("idx_messages_time" in p for p in plans[1:])] == [
        True,
        True,
        True,
    ]


# Copies (§2.10, §7.4)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    return {"archive": tmp_path / "a" / "stream.db", "backup": tmp_path / "b" / "stream.db"}


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_copies_hold_what_the_stream_holds(path: Path, places: dict[str, Path]) -> None:
    """conat-sync §7.4: local, archive and backup are identical."""
    store = SqliteStore.open(path, **places)  # type: ignore[arg-type]
    assert store.needs_archive
    store.archive()
    assert places["archive"].exists()
    assert not store.needs_archive
    store.archive()
    assert not places["backup"].exists()

    store.set(message(b"x" * 5000))
    assert store.needs_archive
    store.close()

    assert dump(path) == dump(places["archive"]) == dump(places["backup"])
    assert sorted(p.name for p in places["archive"].parent.iterdir()) == ["stream.db"]
    assert places["archive"].stat().st_mode & 0o077 == 0
    assert not store.needs_archive
    with pytest.raises(StoreClosed):
        store.archive()


def test_an_archive_that_vanished_is_made_again_at_the_end(
    path: Path, places: dict[str, Path]
) -> None:
    """conat-sync §7.4: a deleted file is restored, a deleted archive does not matter."""
    store = SqliteStore.open(path, archive=places["archive"])
    store.archive()
    places["archive"].unlink()
    store.close()

    assert dump(places["archive"]) == dump(path)


def test_a_lost_file_comes_back_from_the_archive_only(path: Path, places: dict[str, Path]) -> None:
    """conat-sync §7.4: a backup alone gives nothing."""
    store = SqliteStore.open(path, **places)  # type: ignore[arg-type]
    store.set(message(b"a"))
    store.close()
    path.unlink()

    store = SqliteStore.open(path, **places)  # type: ignore[arg-type]
    assert [m.raw for m in contents(store)] == [b"a"]
    assert store.set(message()).result.seq == 2
    store.close()

    path.unlink()
    places["archive"].unlink()
    store = SqliteStore.open(path, **places)  # type: ignore[arg-type]
    assert contents(store) == []
    store.close()


@pytest.mark.parametrize("newer", ["archive", "file"])
def test_the_newer_of_file_and_archive_counts(
    path: Path, places: dict[str, Path], newer: str
) -> None:
    """conat-sync §7.4: the newer one is used."""
    archive = places["archive"]
    for place, raw in ((path, b"file"), (archive, b"archive")):
        store = SqliteStore.open(place)
        store.set(message(raw))
        store.close()
    for place, is_newer in ((path, newer == "file"), (archive, newer == "archive")):
        os.utime(place, (2000, 2000) if is_newer else (1000, 1000))

    store = SqliteStore.open(path, archive=archive)

    assert [m.raw.decode() for m in contents(store)] == [newer]
    store.set(message(b"more"))
    store.close()
    store = SqliteStore.open(path, archive=archive)
    assert [m.raw.decode() for m in contents(store)] == [newer, "more"]
    store.close()


def test_a_stream_that_was_closed_well_equals_its_archive(
    path: Path, places: dict[str, Path]
) -> None:
    """conat-sync §7.4: local, archive and backup are identical."""
    store = SqliteStore.open(path, archive=places["archive"])
    store.set(message())
    store.close()

    assert places["archive"].stat().st_mtime_ns == path.stat().st_mtime_ns
    store = SqliteStore.open(path, archive=places["archive"])
    assert not store.needs_archive
    store.close()


def test_what_was_written_ahead_before_a_crash_is_newer_than_the_archive(
    path: Path, places: dict[str, Path]
) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from cocalc_jupyter_ext.conat.persist.messages import NewMessage\n"
        "from cocalc_jupyter_ext.conat.persist.database.sqlite_store import SqliteStore\n"
        "path, archive = map(Path, sys.argv[1:])\n"
        "store = SqliteStore.open(path, archive=archive)\n"
        "store.set(NewMessage(raw=b'1')); store.archive(); os.utime(archive, (3000, 3000))\n"
        "store.set(NewMessage(raw=b'2')); os.utime(path, (2000, 2000)); os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path), str(places["archive"])], check=False)

    store = SqliteStore.open(path, archive=places["archive"])

    assert [m.raw for m in contents(store)] == [b"1", b"2"]
    store.close()


def test_an_opening_that_was_cut_short_is_made_up_for(path: Path, places: dict[str, Path]) -> None:
    store = SqliteStore.open(path, archive=places["archive"])
    store.set(message(b"a"))
    store.close()
    # The file was created and the archive was not copied yet.
    path.write_bytes(b"")

    store = SqliteStore.open(path, archive=places["archive"])

    assert [m.raw for m in contents(store)] == [b"a"]
    store.close()


def test_an_unreadable_file_gives_way_to_a_newer_archive_and_is_kept(
    path: Path, places: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore.open(path, archive=places["archive"])
    store.set(message(b"a"))
    store.close()
    path.write_bytes(b"rubbish" * 1000)
    os.utime(path, (1000, 1000))

    store = SqliteStore.open(path, archive=places["archive"])

    assert [m.raw for m in contents(store)] == [b"a"]
    (kept,) = path.parent.glob("stream.db.unreadable-*")
    assert kept.read_bytes().startswith(b"rubbish")
    assert kept.name in caplog.text
    store.close()


def test_a_newer_archive_that_is_unreadable_replaces_nothing(
    path: Path, places: dict[str, Path], store: SqliteStore
) -> None:
    store.set(message(b"a"))
    store.close()
    os.utime(path, (1000, 1000))
    archive = places["archive"]
    archive.parent.mkdir()
    archive.write_bytes(b"rubbish" * 1000)

    with pytest.raises(StoreCorrupt, match=str(archive)):
        SqliteStore.open(path, archive=archive)

    assert archive.read_bytes().startswith(b"rubbish")
    store = SqliteStore.open(path)
    assert [m.raw for m in contents(store)] == [b"a"]
    store.close()


def test_copies_that_fail_are_logged_once_and_change_nothing(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    store = SqliteStore.open(path, archive=tmp_path / "file" / "stream.db")

    with caplog.at_level(logging.ERROR):
        store.archive()
        store.archive()
        assert store.needs_archive
        store.set(message())
        store.close()

    assert len(caplog.records) == 1
    assert "the stream itself is fine" in caplog.text
    store = SqliteStore.open(path)
    assert seqs(store) == [1]
    store.close()
