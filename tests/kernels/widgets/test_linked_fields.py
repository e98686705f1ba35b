"""Copies that pages make of linked fields: two pages do not chase each other (design D8)."""

import pytest

from cocalc_jupyter_ext.kernels.widgets.linked_fields import COPY_S, LinkedFields
from cocalc_jupyter_ext.kernels.widgets.models import WidgetModel


def link(one: str, other: str, name: str = "LinkModel") -> WidgetModel:
    ends = {
        "source": [f"IPY_MODEL_{one}", "value"],
        "target": [f"IPY_MODEL_{other}", "value"],
    }
    return WidgetModel("link", "jupyter.widget", state={"_model_name": name, **ends})


@pytest.fixture
def fields() -> LinkedFields:
    fields = LinkedFields()
    fields.follow("link", link("s", "t"))
    return fields


def is_needless(fields: LinkedFields, model_id: str, value: int, now: float = 0.0) -> bool:
    return fields.is_needless("page", model_id, {"value": value}, now)


def test_a_copy_is_needed_once_as_long_as_its_original_is_the_newest(fields: LinkedFields) -> None:
    """The kernel learns of the other field by pages alone."""
    fields.set("s", {"value": 1})
    fields.tell("page", "s", {"value": 1}, 0.0)
    assert not is_needless(fields, "t", 1)
    fields.set("t", {"value": 1})
    assert is_needless(fields, "t", 1)
    assert fields.corrections("t", {"value": 1}) == {}


def test_a_copy_of_an_older_value_is_needless_and_is_put_right(fields: LinkedFields) -> None:
    fields.set("s", {"value": 1})
    fields.tell("page", "s", {"value": 1}, 0.0)
    fields.set("t", {"value": 1})
    fields.set("s", {"value": 2})
    assert is_needless(fields, "t", 1)
    assert fields.corrections("t", {"value": 1}) == {"value": 2}


def test_what_the_kernel_has_set_is_not_taken_back_by_a_late_copy(fields: LinkedFields) -> None:
    """Python moves ``s`` in a loop while the copy of its first value waits for the kernel."""
    fields.set("s", {"value": 1})
    fields.set("t", {"value": 1})  # the copy of a page, on its way
    fields.set("s", {"value": 99})
    fields.tell("page", "t", {"value": 1}, 0.0)
    assert is_needless(fields, "s", 1)
    assert fields.corrections("s", {"value": 1}) == {"value": 99}


def test_what_a_person_sets_is_no_copy(fields: LinkedFields) -> None:
    fields.tell("page", "s", {"value": 1}, 0.0)
    fields.set("s", {"value": 2})
    assert not is_needless(fields, "t", 3)  # nobody told it
    assert not is_needless(fields, "s", 1)  # told of this field itself, not of another
    assert not fields.is_needless("other", "t", {"value": 1}, 0.0)
    assert not is_needless(fields, "t", 1, now=COPY_S + 0.1)
    assert not fields.is_needless("page", "t", {"value": 1, "max": 9}, 0.0)
    assert not is_needless(fields, "unlinked", 1)


def test_links_are_followed_in_both_directions_and_over_several_fields() -> None:
    fields = LinkedFields()
    assert not fields
    fields.follow("one", link("s", "t"))
    fields.follow("two", link("t", "u", "DirectionalLinkModel"))
    fields.set("u", {"value": 2})
    fields.tell("page", "s", {"value": 1}, 0.0)
    assert is_needless(fields, "u", 1)
    fields.follow("one", None)
    assert fields
    assert not is_needless(fields, "u", 1)
    fields.follow("two", link("s", "u"))
    fields.set("s", {"value": 2})
    assert is_needless(fields, "u", 1)
    fields.follow("two", None)
    assert not fields


@pytest.mark.parametrize("end", [None, [], ["IPY_MODEL_s"], [1, 2], "IPY_MODEL_s", [None, None]])
def test_a_link_that_is_not_complete_joins_nothing(end: object) -> None:
    model = link("s", "t")
    model.state["target"] = end
    fields = LinkedFields()
    fields.follow("link", model)
    assert not fields


def test_before_the_newest_value_is_known_every_copy_is_needed(fields: LinkedFields) -> None:
    fields.tell("page", "s", {"value": 1}, 0.0)
    assert not is_needless(fields, "t", 1)


def test_a_person_who_is_told_much_costs_bounded_memory(fields: LinkedFields) -> None:
    fields.set("s", {"value": -1})
    for value in range(1_000):
        fields.tell("page", "s", {"value": value}, 0.0)
    assert is_needless(fields, "t", 999)
    assert not is_needless(fields, "t", 0)
    for number in range(2_000):
        fields.tell(f"page {number}", "s", {"value": 0}, 0.0)
    assert not is_needless(fields, "t", 999)
