"""Fields that pages keep equal among themselves: ``jslink`` and ``jsdlink`` (pure).

Each page that is told a new value of a linked field copies it into the other one and reports that
as a change of its own. With two pages such copies come after newer values: the pages then chase
each other with an old and a new value, without end, or take back what the kernel has set. So a
copy is passed on to the kernel only while it is needed: of the newest original of its group, as
long as nobody else has reported it.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from .models import WidgetModel

__all__ = ["Field", "LinkedFields"]

COPY_S: Final = 1.0
"""How long after a value was told a report of the same value is taken for a copy of it."""
MAX_TOLD: Final = 100
MAX_TELLERS: Final = 1_000

_LINKS: Final = frozenset({"LinkModel", "DirectionalLinkModel"})
_REFERENCE: Final = "IPY_MODEL_"

Field: TypeAlias = tuple[str, str]
"""The id of a model and the name of its field."""

_Told: TypeAlias = "deque[tuple[float, Field, Any]]"


class LinkedFields:
    """The groups of linked fields, their newest values, and who was told which.

    ``who`` is anybody that reports changes, by any name; times are in seconds.
    """

    def __init__(self) -> None:
        self._links: dict[str, tuple[Field, Field]] = {}
        self._group_of: dict[Field, frozenset[Field]] = {}
        self._latest: dict[Field, Any] = {}
        self._original: dict[frozenset[Field], Any] = {}
        self._told: OrderedDict[str, _Told] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._group_of)

    def follow(self, model_id: str, model: WidgetModel | None) -> None:
        """Take in that a model was opened or changed, or closed: it may be a link."""
        before, ends = self._links.get(model_id), _ends(model)
        if ends == before:
            return
        if before is not None:
            del self._links[model_id]
            self._group_of, joined = {}, list(self._links.values())
        else:
            joined = []
        if ends is not None:
            self._links[model_id] = ends
            joined.append(ends)
        for one, other in joined:
            group = self._group(one) | self._group(other)
            self._group_of |= dict.fromkeys(group, group)
        groups = set(self._group_of.values())
        self._latest = {f: v for f, v in self._latest.items() if f in self._group_of}
        self._original = {g: v for g, v in self._original.items() if g in groups}

    def tell(self, who: str, model_id: str, state: Mapping[str, Any], now: float) -> None:
        """Take in that somebody is told values that others have set."""
        for field in self._linked(model_id, state):
            told = self._told.setdefault(who, deque(maxlen=MAX_TOLD))
            told.append((now, field, state[field[1]]))
            self._told.move_to_end(who)
            if len(self._told) > MAX_TELLERS:
                self._told.popitem(last=False)

    def set(self, model_id: str, state: Mapping[str, Any]) -> None:
        """Take in the newest values, from the kernel or on their way to it."""
        for field in self._linked(model_id, state):
            self._latest[field] = self._original[self._group_of[field]] = state[field[1]]

    def is_needless(self, who: str, model_id: str, state: Mapping[str, Any], now: float) -> bool:
        """Return whether a report has nothing but copies that nobody needs."""
        fields = self._linked(model_id, state)
        if not fields or len(fields) < len(state):
            return False
        return all(self._is_needless(who, field, state[field[1]], now) for field in fields)

    def corrections(self, model_id: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that have other values than the reported ones, with these."""
        return {
            field[1]: self._original[group]
            for field in self._linked(model_id, state)
            if (group := self._group_of[field]) in self._original
            and self._original[group] != state[field[1]]
        }

    def _is_needless(self, who: str, field: Field, value: object, now: float) -> bool:
        group = self._group_of[field]
        was_told = any(
            other in group and other != field and told == value and now - when <= COPY_S
            for when, other, told in self._told.get(who, ())
        )
        is_newest = self._original.get(group, value) == value
        is_known = field in self._latest and self._latest[field] == value
        return was_told and (is_known or not is_newest)

    def _linked(self, model_id: str, state: Mapping[str, Any]) -> list[Field]:
        if not self._group_of:
            return []
        return [(model_id, key) for key in state if (model_id, key) in self._group_of]

    def _group(self, field: Field) -> frozenset[Field]:
        return self._group_of.get(field, frozenset({field}))


def _ends(model: WidgetModel | None) -> tuple[Field, Field] | None:
    """Return what a link joins; None if the model is none, or one that is not complete."""
    if model is None or model.state.get("_model_name") not in _LINKS:
        return None
    source, target = _field(model.state.get("source")), _field(model.state.get("target"))
    return (source, target) if source and target else None


def _field(end: object) -> Field | None:
    if not isinstance(end, list | tuple) or len(end) != 2:
        return None
    model, name = end
    if not isinstance(model, str) or not isinstance(name, str):
        return None
    return model.removeprefix(_REFERENCE), name
