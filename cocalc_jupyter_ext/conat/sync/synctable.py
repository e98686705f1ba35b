"""Tables over shared structures, as documents use them (conat-sync §4.9).

A table of the map kind keeps each row under its key; one of the stream kind (only ``patches``)
appends rows and never takes any back.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..client.client import Client
from ..errors import ConatError, RequestTimeout
from .dko import DKO, ObjectChange
from .dkv import DKV
from .dkv_state import KeyChange
from .dstream import DStream
from .opening import open_dko, open_dkv, open_dstream
from .table_rows import PRIMARY_KEYS, document_id, parse_query, row_key, store_name
from .view import View

__all__ = ["KvTable", "RowChange", "StreamTable", "open_synctable"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row came, changed, or went; ``value`` is the whole row now, None when it is gone."""

    key: str
    value: Any


class KvTable(View[RowChange]):
    """A table whose rows are kept under their keys; it owns ``rows``.

    Rows are stored as they are given: who changes a field writes the whole row.
    """

    def __init__(self, rows: DKV | DKO, primary_keys: Sequence[str]) -> None:
        super().__init__(rows, "a table")
        self._rows = rows
        self._primary_keys = tuple(primary_keys)
        self._disconnect = rows.changes.connect(self._on_change)

    def key_of(self, row: str | Mapping[str, Any]) -> str:
        """Return the key of a row; a text is a key already."""
        return row if isinstance(row, str) else row_key(row, self._primary_keys)

    def set(self, row: Mapping[str, Any]) -> None:
        """Write a row in the place of the one with its key."""
        self._rows.set(self.key_of(row), dict(row))

    def delete(self, row: str | Mapping[str, Any]) -> None:
        """Delete a row, given by its key or by itself."""
        self._rows.delete(self.key_of(row))

    def get(self, row: str | Mapping[str, Any]) -> Any:
        """Return a row, given by its key or by its primary keys; None without one."""
        return self._rows.get(self.key_of(row))

    def get_all(self) -> dict[str, Any]:
        """Return all rows by their keys."""
        return self._rows.get_all()

    def get_one(self) -> Any:
        """Return one of the rows; None when there is none."""
        return next(iter(self._rows.get_all().values()), None)

    async def wait(self, until: Callable[["KvTable"], T], timeout_s: float = 30.0) -> T:
        """Wait until a function of the table returns something true, and return that.

        Raises RequestTimeout.
        """
        changed = asyncio.Event()
        disconnect = self.changes.connect(lambda _change: changed.set())
        try:
            async with asyncio.timeout(timeout_s):
                while not (result := until(self)):
                    changed.clear()
                    await changed.wait()
                return result
        except TimeoutError as error:
            raise RequestTimeout(f"timeout: nothing happened for {timeout_s} s") from error
        finally:
            disconnect()

    def has_uncommitted_changes(self) -> bool:
        """Return whether something is not acknowledged yet."""
        return self._rows.has_unsaved_changes()

    def _on_change(self, change: KeyChange | ObjectChange) -> None:
        self.changes.emit(RowChange(change.key, self._rows.get(change.key)))


class StreamTable(View[RowChange]):
    """The patches of a document; it owns ``log``. A row is visible once the server told it."""

    def __init__(self, log: DStream, string_id: str) -> None:
        super().__init__(log, "patches")
        self.string_id = string_id
        self._log = log
        self._rows: dict[str, dict[str, Any]] = {}
        for value in log:
            self._take(value)
        self._disconnect = log.changes.connect(self._on_change)

    def key_of(self, row: str | Mapping[str, Any]) -> str:
        """Return the key of a row; a text is a key already."""
        if isinstance(row, str):
            return row
        return row_key({**row, "string_id": self.string_id}, PRIMARY_KEYS["patches"])

    def set(self, row: Mapping[str, Any]) -> None:
        """Append a row; raises ConatError when there is one with its key."""
        key = self.key_of(row)
        if key in self._rows:
            raise ConatError(f"the row {key} exists, and rows of this table never change")
        self._log.publish({name: value for name, value in row.items() if name != "string_id"})

    def get(self, row: str | Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a row, given by its key or by its primary keys; None without one."""
        return self._rows.get(self.key_of(row))

    def get_all(self) -> dict[str, dict[str, Any]]:
        """Return all rows by their keys."""
        return dict(self._rows)

    def sorted_times(self) -> list[Any]:
        """Return the times of all rows, ascending."""
        return sorted(row["time"] for row in self._rows.values() if row.get("time") is not None)

    def has_uncommitted_changes(self) -> bool:
        """Return whether a row is not acknowledged yet."""
        return self._log.has_unsaved_changes()

    def _on_change(self, value: Any, _seq: int) -> None:
        key = self._take(value)
        if key is not None:
            self.changes.emit(RowChange(key, self._rows[key]))

    def _take(self, value: Any) -> str | None:
        """Take a message; one that is no row is left out."""
        if not isinstance(value, dict):
            return None
        key = self.key_of(value)
        self._rows[key] = {**value, "string_id": self.string_id}
        return key


async def open_synctable(
    client: Client,
    query: Mapping[str, Any],
    *,
    project_id: str | None = None,
    account_id: str | None = None,
    stream: bool = False,
    atomic: bool = False,
    primary_keys: Sequence[str] | None = None,
    start_seq: int | None = None,
    **options: Any,
) -> KvTable | StreamTable:
    """Open the table of ``{table: [row]}``; ``options`` are those of ``open_dkv``.

    With ``atomic`` rows are written whole, without field by field; with ``stream`` the query must
    be for ``patches`` and name a ``path``. ``primary_keys`` are needed for tables that documents do
    not use. Raises ConatError for a query that makes no sense.
    """
    table, row = parse_query(query)
    if row.get("project_id") and (row.get("string_id") or stream):
        project_id, account_id = row["project_id"], None
    if stream:
        if table != "patches" or project_id is None or not row.get("path"):
            raise ConatError("only patches are a stream, and they need a project and a path")
        string_id = document_id(project_id, row["path"])
        log = await open_dstream(
            client,
            name=f"patches:{string_id}",
            project_id=project_id,
            start_seq=start_seq,
            **{"desc": {"path": row["path"]}, **options},
        )
        return StreamTable(log, string_id)
    keys = primary_keys or PRIMARY_KEYS.get(table)
    if not keys:
        raise ConatError(f"say which columns are the primary keys of the table '{table}'")
    opened = open_dkv if atomic else open_dko
    place: dict[str, Any] = {"project_id": project_id, "account_id": account_id}
    rows = await opened(client, name=store_name(table, row), **place, **options)
    return KvTable(rows, keys)
