"""Joining updates for pages."""

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.kernels.widgets.comm_messages import CommMessage
from cocalc_jupyter_ext.kernels.widgets.joined_updates import join_updates as join_updates_of
from cocalc_jupyter_ext.kernels.widgets.models import WidgetModels
from tests.support.comm_messages import closed, custom, opened, updated

IDS = st.sampled_from(["m", "n"])
STATES = st.dictionaries(st.sampled_from(["a", "b"]), st.integers())
UPDATES = st.builds(
    updated,
    IDS,
    STATES,
    method=st.sampled_from(["update", "echo_update"]),
    parent=st.sampled_from(["one", "two"]),
)
MESSAGES = st.lists(
    st.one_of(
        UPDATES,
        UPDATES,
        st.builds(opened, IDS, STATES),
        st.builds(closed, IDS),
        st.builds(custom, IDS, st.integers()),
        st.builds(updated, IDS, STATES, st.just({("x",): b"1"})),
    )
)


def join_updates(messages: Iterable[CommMessage]) -> list[CommMessage]:
    return join_updates_of(messages, lambda _: True)


def shown(messages: list[CommMessage]) -> list[tuple[str, dict[str, Any]]]:
    models = WidgetModels()
    for message in messages:
        models.apply(message)
    return [(each.model_id, each.state) for each in models.widgets()]


@given(MESSAGES)
def test_a_page_shows_the_same_in_the_end_and_gets_no_more(messages: list[CommMessage]) -> None:
    joined = join_updates(messages)
    assert shown(joined) == shown(messages)
    assert len(joined) <= len(messages)


@given(MESSAGES)
def test_what_is_no_plain_update_stays_in_its_place(messages: list[CommMessage]) -> None:
    def others(some: list[CommMessage]) -> list[CommMessage]:
        return [each for each in some if each.buffers or "update" not in each.method]

    assert others(join_updates(messages)) == others(messages)


def test_a_thousand_updates_are_one() -> None:
    (joined,) = join_updates(updated("m", {"value": n}) for n in range(1_000))
    assert joined.state == {"value": 999}


def test_updates_of_several_models_between_each_other_are_one_each() -> None:
    joined = join_updates(updated("mn"[n % 2], {"value": n}) for n in range(10))
    assert [(each.comm_id, each.state["value"]) for each in joined] == [("m", 8), ("n", 9)]


def test_updates_of_several_requests_stay_apart() -> None:
    """A page waits for the echo of its own request."""
    echoes = [updated("m", {"v": n}, method="echo_update", parent=f"r{n}") for n in range(3)]
    assert join_updates(echoes) == echoes


def test_an_update_does_not_get_before_a_model_that_it_names() -> None:
    messages = [
        updated("m", {"children": []}),
        opened("n"),
        updated("m", {"children": ["IPY_MODEL_n"]}),
    ]
    assert join_updates(messages) == messages


def test_every_update_is_told_of_a_model_whose_fields_may_be_commands() -> None:
    """plotly sets a field to what is to be done, and to null at once."""
    commands = [updated("plot", {"_py2js": each}) for each in ({"x": 1}, None, {"x": 2}, None)]
    bar = [updated("bar", {"value": n}) for n in range(3)]
    joined = join_updates_of([*bar, *commands, *bar], lambda model_id: model_id == "bar")
    assert [(each.comm_id, list(each.state.values())) for each in joined] == [
        ("bar", [2]),
        ("plot", [{"x": 1}]),
        ("plot", [None]),
        ("plot", [{"x": 2}]),
        ("plot", [None]),
        ("bar", [2]),
    ]
