"""The connection to the database and the scope of a transaction.

``Database`` runs synchronous work on its own few threads, so that neither a slow disk nor a
remote PostgreSQL stops the event loop. A unit of work is a function of one ``Session``; it is
committed when it returns and rolled back when it raises. A writing unit takes SQLite's write
lock at its beginning (``BEGIN IMMEDIATE``): a unit that reads first and then writes can then
never fail for having read an old state.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session

__all__ = ["Database", "create_hub_engine", "sqlite_url"]

_THREADS = 4
_LOCK_WAIT_S = 10
_TRIES_IN_A_SECOND = 20
_WRITES = "cocalc_writes"
T = TypeVar("T")


def sqlite_url(path: Path) -> str:
    """Return the database URL of the SQLite file at ``path``."""
    return f"sqlite:///{path}"


def create_hub_engine(url: str) -> Engine:
    """Return an engine for ``url``: ``sqlite:///path`` or ``postgresql+psycopg://...``.

    ``postgresql://`` and ``postgres://`` are taken to mean psycopg, the driver that is installed.
    """
    parsed = make_url(url)
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_size=_THREADS, max_overflow=0, pool_pre_ping=True)
    engine = create_engine(
        parsed, pool_size=_THREADS, max_overflow=1, connect_args={"timeout": _LOCK_WAIT_S}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own implicit BEGIN would come too late and is never IMMEDIATE.
    connection.isolation_level = None
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous=NORMAL")


def _write_ahead(connection: Any) -> None:
    """Let readers and a writer work at once; raises ``sqlite3.OperationalError``.

    Of processes that open a new file at the same time all but one are told at once that it is
    locked: SQLite's own waiting does not cover this change.
    """
    for _ in range(_LOCK_WAIT_S * _TRIES_IN_A_SECOND):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            time.sleep(1 / _TRIES_IN_A_SECOND)
        else:
            return
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Database:
    """Runs units of work on an engine; owns its threads and the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing_engine = engine.execution_options(**{_WRITES: True})
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="cocalc-db")

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in a transaction on a worker thread; cancelling does not interrupt it."""
        return await self._run(self._engine, work)

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` like ``read``, holding SQLite's write lock from the start."""
        return await self._run(self._writing_engine, work)

    async def _run(self, engine: Engine, work: Callable[[Session], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _transact, engine, work)

    def close(self) -> None:
        """Wait for running work, then close all connections; idempotent."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()


def _transact(engine: Engine, work: Callable[[Session], T]) -> T:
    with Session(engine) as session, session.begin():
        return work(session)
