"""What the calls of one stream cost when it holds many messages.

Run: ``python -m bench.streams [messages]``. Prints milliseconds, the best of several runs, for a
stream of a million messages of 100 bytes, every second one with a key.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from cocalc_jupyter_ext.conat.persist.database.sqlite_store import SqliteStore
from cocalc_jupyter_ext.conat.persist.messages import NewMessage

GROUP = 500


def measure(what: str, action: Callable[[], object], runs: int = 10) -> None:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    print(f"{what:<32}{min(times) * 1000:>10.3f} ms")


def fill(path: Path, messages: int) -> None:
    store = SqliteStore.open(path)
    for start in range(0, messages, 5000):
        numbers = range(start, min(start + 5000, messages))
        store.set_many(
            [NewMessage(raw=b"x" * 100, key=f"k{n}" if n % 2 else None) for n in numbers]
        )
    store.close()


def measure_calls(store: SqliteStore, messages: int) -> None:
    ids = count()
    middle = messages // 2 + 1
    key = f"k{middle | 1}"
    group = [NewMessage(raw=b"x" * 100, key=f"group {n}") for n in range(GROUP)]
    measure("get by number", lambda: store.get(seq=middle), 100)
    measure("get by key", lambda: store.get(key=key), 100)
    measure("set", lambda: store.set(NewMessage(raw=b"x", msg_id=str(next(ids)))), 1000)
    measure("set 50 kB", lambda: store.set(NewMessage(raw=b"text " * 10_000)), 100)
    measure(f"set_many of {GROUP} keys", lambda: store.set_many(group))
    last = middle + 9999
    measure("read 10,000", lambda: [m for b in store.batches(middle, last) for m in b])
    measure("inventory, the first", store.inventory, 1)
    measure("inventory, later", store.inventory, 100)
    store.config({"max_msgs": 10 * messages, "max_age": 10**9, "allow_msg_ttl": True})
    measure("set with limits", lambda: store.set(NewMessage(raw=b"x", ttl_ms=10**9)), 1000)


def main() -> None:
    """Fill a stream, open it again and call it."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream.db"
        fill(path, messages)
        print(f"{messages} messages, {path.stat().st_size / 1e6:.0f} MB")
        measure("open and close", lambda: SqliteStore.open(path).close())
        store = SqliteStore.open(path)
        measure_calls(store, messages)
        store.close()
        measure("open and close with limits", lambda: SqliteStore.open(path).close())


if __name__ == "__main__":
    main()
