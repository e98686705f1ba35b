"""The synced table of a notebook's widgets (syncdoc-jupyter §8.1 to §8.3, §8.5).

What the kernel says goes into the records of the table; what CoCalc clients write there goes to
the kernel, once. A record is nobody's news if it is what was written here, or what was read last.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ...conat.client.client import Client
from ...conat.errors import ConatError
from ...conat.sync.dkv import DKV
from ...conat.sync.dkv_state import KeyChange
from ...conat.sync.opening import open_dkv
from ..errors import KernelsError
from .kernel_widgets import KernelWidgets
from .models import Change, WidgetModel
from .records import (
    LAST_CHANGED,
    TYPES,
    RecordType,
    blob_id,
    buffer_hashes,
    changed_fields,
    kept_models,
    merge_value,
    parse_key,
    record_key,
    references,
    state_record,
    visible,
)

__all__ = ["WidgetTable", "open_table"]

_log = logging.getLogger(__name__)

FLUSH_S: Final = 0.05
MAX_AGE_MS: Final = 86_400_000
MAX_RECORD_BYTES: Final = 10_000_000


async def open_table(
    client: Client, project_id: str, string_id: str, now_ms: Callable[[], int]
) -> "WidgetTable":
    """Open the table of a synced notebook; raises what opening a store raises (§1.2)."""
    records = await open_dkv(
        client,
        name=f"ipywidgets:{string_id}",
        project_id=project_id,
        config={"max_age": MAX_AGE_MS},
        ephemeral=True,
        no_inventory=True,
    )
    return WidgetTable(records, string_id, now_ms)


class WidgetTable:
    """The records of one notebook's widgets; close it when done."""

    def __init__(self, records: DKV, string_id: str, now_ms: Callable[[], int]) -> None:
        self._records = records
        self._string_id = string_id
        self._now_ms = now_ms
        self._widgets: KernelWidgets | None = None
        self._values: dict[str, dict[str, Any]] = {}
        self._hashes: dict[str, dict[str, str]] = {}
        self._changed: dict[str, set[str]] = {}
        self._customs: dict[str, None] = {}
        self._collected: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._disconnects: list[Callable[[], None]] = []
        self._disconnect = records.changes.connect(self._on_record)

    @property
    def has_collected(self) -> bool:
        """Whether records were removed of models that the kernel still has."""
        return bool(self._collected)

    # The kernel

    def follow(self, widgets: KernelWidgets) -> None:
        """Tell from now on about this kernel; its widgets take the place of all others."""
        self.leave()
        self.clear()
        self._widgets = widgets
        self._disconnects = [
            widgets.changed.connect(self._take),
            widgets.restarted.connect(self.clear),
        ]
        self._take([Change("opened", model.model_id) for model in widgets.models.widgets()])

    def leave(self) -> None:
        """Tell no more about the kernel; what it showed stays, for everybody to look at."""
        for disconnect in self._disconnects:
            disconnect()
        self._disconnects = []
        self._flush()
        self._widgets = None

    def clear(self) -> None:
        """Null all records: a new process of the kernel begins (§8.5)."""
        self._stop_timer()
        for pending in (self._values, self._hashes, self._changed, self._customs):
            pending.clear()
        self._collected.clear()
        for key, record in self._records.get_all().items():
            if isinstance(record, Mapping) and record.get("data") is not None:
                self._records.set(key, {**record, "data": None})

    async def close(self) -> None:
        """Write what is left and leave the table."""
        self._disconnect()
        self.leave()
        self._stop_timer()
        try:
            await self._records.close()
        except ConatError as error:
            _log.warning("the last changes of widgets are not in their table: %s", error)

    # Garbage (§8.5)

    def collect(self, shown: set[str], *, only_back: bool = False) -> None:
        """Null the records of models that nothing shown needs, and put back those it needs."""
        widgets = self._widgets
        if widgets is None:
            return
        self._flush()
        by_id = {model.model_id: model for model in widgets.models.widgets()}
        refers_to = {model_id: references(self._values[model_id]) for model_id in self._values}
        for model_id in refers_to.keys() & by_id.keys() | self._collected & by_id.keys():
            refers_to[model_id] = references(by_id[model_id].state)
        kept = kept_models(refers_to, shown)
        for model_id in set() if only_back else self._values.keys() - kept:
            self._null(model_id)
            if model_id in by_id:
                self._collected.add(model_id)
        back = [model_id for model_id in by_id if model_id in kept & self._collected]
        self._collected = (self._collected - kept) & by_id.keys()
        self._take([Change("opened", model_id) for model_id in back])

    def _null(self, model_id: str) -> None:
        for pending in (self._values, self._hashes, self._changed, self._customs):
            pending.pop(model_id, None)
        for record_type in TYPES:
            record = self._records.get(self._key(model_id, record_type))
            if isinstance(record, Mapping) and record.get("data") is not None:
                self._write(model_id, record_type, None)

    # From the kernel (§8.2)

    def _take(self, changes: list[Change]) -> None:
        for change in changes:
            model_id = change.model_id
            if change.what == "opened":
                self._open(model_id)
            elif model_id in self._values and change.what == "updated":
                self._flush_later(model_id, change.keys)
            elif model_id in self._values and change.what == "custom":
                self._customs[model_id] = None
                self._flush_later(model_id, ())

    def _flush_later(self, model_id: str, keys: Iterable[str]) -> None:
        self._changed.setdefault(model_id, set()).update(keys)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _open(self, model_id: str) -> None:
        model = self._model(model_id)
        if model is None:
            return
        self._collected.discard(model_id)
        self._values[model_id], self._hashes[model_id] = {}, {}
        self._write_buffers(model)
        self._write(model_id, "state", state_record(model))
        later = {key for key, value in model.state.items() if model.initial.get(key) != value}
        if later:
            self._flush_later(model_id, later)

    def _flush(self) -> None:
        self._stop_timer()
        changed, self._changed = self._changed, {}
        customs, self._customs = self._customs, {}
        for model_id, keys in changed.items():
            model = self._model(model_id)
            if model is not None and model_id in self._values:
                self._write_buffers(model)
                if keys or model_id not in customs:
                    self._write_value(model, keys)
        for model_id in customs:
            model = self._model(model_id)
            if model is not None and model_id in self._values:
                self._write_message(model)

    def _write_value(self, model: WidgetModel, keys: set[str]) -> None:
        known = self._values[model.model_id]
        new = {key: visible(key, model.state[key]) for key in keys if key in model.state}
        value = merge_value(known, new)
        value[LAST_CHANGED] = _count(known) + 1
        self._values[model.model_id] = value
        self._write(model.model_id, "value", value)

    def _write_buffers(self, model: WidgetModel) -> None:
        known = self._hashes[model.model_id]
        hashes = buffer_hashes(model, known)
        if hashes != known:
            self._hashes[model.model_id] = hashes
            self._write(model.model_id, "buffers", hashes)

    def _write_message(self, model: WidgetModel) -> None:
        custom = model.custom
        if custom is None:
            return
        hashes = [blob_id(content) for content in custom.buffers]
        if hashes:
            known = self._hashes[model.model_id]
            places = {path: name for path, name in known.items() if path.startswith("[")}
            known = self._hashes[model.model_id] = {**places, **{name: name for name in hashes}}
            self._write(model.model_id, "buffers", known)
        message = {"message": custom.content, "buffer_hashes": hashes, "time": self._now_ms()}
        self._write(model.model_id, "message", message)

    def _write(
        self, model_id: str, record_type: RecordType, data: Mapping[str, Any] | None
    ) -> None:
        record = {
            "string_id": self._string_id,
            "model_id": model_id,
            "type": record_type,
            "data": data,
        }
        try:
            self._records.set(self._key(model_id, record_type), record)
        except ConatError as error:
            _log.warning("CoCalc clients do not see a change of the widget %s: %s", model_id, error)

    # From CoCalc clients (§8.3)

    def _on_record(self, change: KeyChange) -> None:
        parsed = parse_key(change.key)
        if parsed is None or parsed[1] != "value" or self._widgets is None:
            return
        model_id = parsed[0]
        # What was written here later than this change counts, not the change.
        record = self._records.get(change.key)
        data = record.get("data") if isinstance(record, Mapping) else None
        known = self._values.get(model_id)
        if not isinstance(data, Mapping) or data == known:
            return
        if known is None or model_id not in self._widgets.models:
            if model_id not in self._collected:
                _log.warning("somebody changed a widget that is none: %s", model_id[:100])
            return
        if not _is_small(data):
            _log.warning("a change of the widget %s is too large; it is taken back", model_id)
            self._flush_later(model_id, set())
            return
        changed = changed_fields(known, data)
        self._values[model_id] = dict(data)
        if changed:
            self._send(self._widgets, model_id, changed)

    def _send(self, widgets: KernelWidgets, model_id: str, changed: dict[str, Any]) -> None:
        model = widgets.models.get(model_id)
        parts = model.buffers if model is not None else {}
        buffers = {path: part for path, part in parts.items() if path[0] in changed}
        try:
            widgets.send_update(model_id, changed, buffers, from_table=True)
        except KernelsError as error:
            _log.warning("a change of a widget does not reach the kernel: %s", error)

    def _model(self, model_id: str) -> WidgetModel | None:
        return self._widgets.models.get(model_id) if self._widgets is not None else None

    def _key(self, model_id: str, record_type: RecordType) -> str:
        return record_key(self._string_id, model_id, record_type)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _count(value: Mapping[str, Any]) -> int:
    count = value.get(LAST_CHANGED)
    return int(count) if isinstance(count, int | float) and abs(count) < 2**53 else 0


def _is_small(data: Mapping[str, Any]) -> bool:
    try:
        return len(json.dumps(data)) <= MAX_RECORD_BYTES
    except (TypeError, ValueError):
        return False  # binary or endless: no value of a widget
