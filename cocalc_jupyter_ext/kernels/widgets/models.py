"""The models of one kernel's widgets, folded from the messages of its comms.

Pure. ``apply`` takes the messages in the kernel's order and returns what has changed. Models are
kept as the kernel has them; what CoCalc clients see of them is made in ``records.py``. Memory is
bounded: what does not fit is left out, and ``is_complete`` tells so.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from ..message_parts import display_id_of
from .captured_outputs import CapturedOutputs
from .captures import CAPTURED_KINDS, MAX_REQUESTS, Captures
from .comm_messages import ECHO_UPDATE, UPDATE, WIDGET_TARGET, CommMessage, Path, buffers_by_path

__all__ = ["OUTPUTS", "Change", "Custom", "WidgetLimits", "WidgetModel", "WidgetModels", "is_whole"]

OUTPUTS: Final = "outputs"
"""The field of an Output widget that holds what it captured."""

_IPYWIDGETS: Final = frozenset(
    {"@jupyter-widgets/base", "@jupyter-widgets/controls", "@jupyter-widgets/output"}
)


@dataclass(frozen=True, slots=True)
class WidgetLimits:
    """How much is kept of one kernel's widgets."""

    max_models: int = 20_000
    max_bytes: int = 256_000_000
    """Text and binary parts of all models together."""


@dataclass(frozen=True, slots=True)
class Custom:
    """The latest message of a model that is no state."""

    content: Any
    buffers: tuple[bytes, ...] = ()


What: TypeAlias = Literal["opened", "updated", "custom", "closed"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something has changed in a model; ``keys`` are the fields of an update."""

    what: What
    model_id: str
    keys: frozenset[str] = frozenset()


@dataclass(eq=False, slots=True)
class WidgetModel:
    """One comm; ``state`` is that of a widget, without its binary parts.

    ``opening`` is the message that opened it, None for models that existed before anybody
    followed; ``initial`` is the state it was given there.
    """

    model_id: str
    target: str
    opening: CommMessage | None = None
    initial: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    buffers: dict[Path, bytes] = field(default_factory=dict)
    custom: Custom | None = None
    captured: CapturedOutputs | None = None
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def is_widget(self) -> bool:
        """Whether it is the model of a widget, and not another comm."""
        return self.target == WIDGET_TARGET

    @property
    def is_of_ipywidgets(self) -> bool:
        """Whether it belongs to ipywidgets itself: its fields are values, and no commands."""
        return self.state.get("_model_module") in _IPYWIDGETS

    def size(self) -> int:
        """Return roughly how much memory the model takes."""
        extra = sum(map(len, self.custom.buffers)) if self.custom else 0
        return sum(self.sizes.values()) + extra


class WidgetModels:
    """All comms of one kernel process."""

    def __init__(self, limits: WidgetLimits | None = None) -> None:
        self._limits = limits or WidgetLimits()
        self._models: dict[str, WidgetModel] = {}
        self._size = 0
        self._unshown: set[str] = set()
        self._captured_in: OrderedDict[str, set[str]] = OrderedDict()
        self.captures = Captures()
        self.is_complete = True
        """Whether nothing was left out."""

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, model_id: str) -> bool:
        return model_id in self._models

    def get(self, model_id: str) -> WidgetModel | None:
        """Return a model by the id of its comm."""
        return self._models.get(model_id)

    def widgets(self) -> list[WidgetModel]:
        """Return the models of widgets, in the order in which they were made."""
        return [model for model in self._models.values() if model.is_widget]

    def comms(self, target: str | None = None) -> list[WidgetModel]:
        """Return all comms, or those with this target."""
        return [m for m in self._models.values() if target is None or m.target == target]

    def apply(self, message: CommMessage) -> list[Change]:
        """Take in what the kernel said."""
        if message.kind == "comm_open":
            return self._open(message)
        if message.kind == "comm_close":
            return self._close(message.comm_id)
        if message.kind == "comm_msg":
            return self._take(message)
        if message.kind == "update_display_data":
            self._update_display(message)
        elif message.kind in CAPTURED_KINDS:
            self._capture(message)
        return []

    @property
    def has_unshown(self) -> bool:
        """Whether something was captured that is not in the models yet."""
        return bool(self._unshown)

    def show_captured(self) -> list[Change]:
        """Put what was captured into the models; call it when a batch of messages is over."""
        changes: list[Change] = []
        unshown, self._unshown = self._unshown, set()
        for model_id in unshown:
            model = self._models.get(model_id)
            if model is not None and model.captured is not None:
                changes += self.set(model_id, {OUTPUTS: model.captured.snapshot()})
        return changes

    def end_request(self, request_id: str) -> list[WidgetModel]:
        """Take in that a request is over; return the widgets that captured something of it."""
        self.captures.end(request_id)
        ids = self._captured_in.pop(request_id, set())
        return [model for model_id in ids if (model := self._models.get(model_id)) is not None]

    def set(
        self, model_id: str, state: Mapping[str, Any], buffers: Mapping[Path, bytes] | None = None
    ) -> list[Change]:
        """Set fields of a model; a field's binary parts are replaced with it."""
        model = self._models.get(model_id)
        if model is None:
            return []
        buffers = buffers or {}
        keys = frozenset(state) | {str(path[0]) for path in buffers}
        taken = frozenset(key for key in keys if self._set_field(model, key, state, buffers))
        return [Change("updated", model_id, taken)] if taken else []

    def _open(self, message: CommMessage) -> list[Change]:
        target = message.content.get("target_name")
        if not message.comm_id or not isinstance(target, str) or not self._has_room():
            return []
        self._close(message.comm_id)
        model = WidgetModel(message.comm_id, target)
        self._models[model.model_id] = model
        if not model.is_widget:
            return []
        model.opening = message
        self.set(model.model_id, message.state, buffers_by_path(message.data, message.buffers))
        model.initial = dict(model.state)
        self.captures.note(model.model_id, message.data, message.parent_id)
        return [Change("opened", model.model_id)]

    def _close(self, model_id: str) -> list[Change]:
        model = self._models.pop(model_id, None)
        if model is None:
            return []
        self._size -= model.size()
        self.captures.close(model_id)
        return [Change("closed", model_id)] if model.is_widget else []

    def _take(self, message: CommMessage) -> list[Change]:
        model = self._models.get(message.comm_id)
        if model is None:
            return self._adopt(message)
        if not model.is_widget:
            return []
        if message.method in {UPDATE, ECHO_UPDATE}:
            self.captures.note(model.model_id, message.data, message.parent_id)
            if OUTPUTS in message.state:
                model.captured = None
            buffers = buffers_by_path(message.data, message.buffers)
            return self.set(model.model_id, message.state, buffers)
        if message.method == "custom":
            return self._take_custom(model, message)
        return []

    def _adopt(self, message: CommMessage) -> list[Change]:
        """Take in the answer about a model that was made before anybody followed."""
        state = message.state
        whole = message.method == UPDATE and is_whole(state)
        if not whole or not message.comm_id or not self._has_room():
            return []
        model = WidgetModel(message.comm_id, WIDGET_TARGET)
        self._models[model.model_id] = model
        self.set(model.model_id, state, buffers_by_path(message.data, message.buffers))
        model.initial = dict(model.state)
        return [Change("opened", model.model_id)]

    def _take_custom(self, model: WidgetModel, message: CommMessage) -> list[Change]:
        before = model.size()
        model.custom = Custom(message.data.get("content"), message.buffers)
        self._size += model.size() - before
        if self._size > self._limits.max_bytes:
            self._size -= sum(map(len, message.buffers))
            model.custom = Custom(message.data.get("content"))
        return [Change("custom", model.model_id)]

    def _capture(self, message: CommMessage) -> None:
        model = self._models.get(self.captures.target(message.parent_id) or "")
        if model is None:
            return
        if model.captured is None:
            model.captured = CapturedOutputs(model.state.get(OUTPUTS))
        model.captured.apply(message.kind, message.content)
        self._unshown.add(model.model_id)
        self._captured_in.setdefault(message.parent_id, set()).add(model.model_id)
        if len(self._captured_in) > MAX_REQUESTS:
            self._captured_in.popitem(last=False)

    def _update_display(self, message: CommMessage) -> None:
        display_id = display_id_of(message.content)
        if display_id is None:
            return
        for model in self._models.values():
            captured = model.captured
            if captured is not None and captured.update_display(display_id, message.content):
                self._unshown.add(model.model_id)

    def _has_room(self) -> bool:
        if len(self._models) < self._limits.max_models:
            return True
        self.is_complete = False
        return False

    def _set_field(
        self,
        model: WidgetModel,
        key: str,
        state: Mapping[str, Any],
        buffers: Mapping[Path, bytes],
    ) -> bool:
        own = {
            path: data
            for path, data in buffers.items()
            if path[0] == key and _has_place(state, path)
        }
        size = len(key) + _weight(state.get(key)) + sum(map(len, own.values()))
        after = self._size - model.sizes.get(key, 0) + size
        if after > self._limits.max_bytes:
            self.is_complete = False
            return False
        self._size = after
        model.sizes[key] = size
        model.state.pop(key, None)
        if key in state:
            model.state[key] = state[key]
        for path in [path for path in model.buffers if path[0] == key]:
            del model.buffers[path]
        model.buffers.update(own)
        return True


def is_whole(state: Mapping[str, Any]) -> bool:
    """Return whether a state says what kind of widget it belongs to."""
    return isinstance(state.get("_model_name"), str) and isinstance(state.get("_model_module"), str)


def _has_place(state: Mapping[str, Any], path: Sequence[str | int]) -> bool:
    """Return whether the container exists that a binary part is to be put into."""
    place: Any = state
    for step in path[:-1]:
        try:
            place = place[step]
        except (KeyError, IndexError, TypeError):
            return False
    last = path[-1]
    if isinstance(place, list):
        return isinstance(last, int) and 0 <= last < len(place)
    return isinstance(place, Mapping) and isinstance(last, str)


def _weight(value: object) -> int:
    """Return roughly how many bytes a value takes; it has no cycles, as it came as JSON."""
    total, rest = 0, [value]
    while rest:
        each = rest.pop()
        total += 8
        if isinstance(each, str):
            total += len(each)
        elif isinstance(each, Mapping):
            total += sum(len(str(key)) for key in each)
            rest.extend(each.values())
        elif isinstance(each, Iterable) and not isinstance(each, bytes):
            rest.extend(each)
    return total
