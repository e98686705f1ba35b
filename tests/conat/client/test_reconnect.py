"""conat-core §1.3, §11.4; SPEC K5, K6."""

from itertools import islice

import pytest

from cocalc_jupyter_ext.conat.client.reconnect import (
    plan_resync,
    reconnect_delays,
    retry_delays,
)
from cocalc_jupyter_ext.conat.protocol.messages import Subscribe, SubscribeRequest, Unsubscribe
from cocalc_jupyter_ext.conat.types import Pattern, QueueGroup

WANTED = {Pattern("a"): QueueGroup("q"), Pattern("b.*"): QueueGroup("r")}


def test_nothing_is_sent_when_the_server_has_what_is_wanted() -> None:
    """conat-core §21, Resync: if the server reports exactly what is wanted, one pass is stable."""
    plan = plan_resync(WANTED, ["b.*", "a"])

    assert plan.is_stable


def test_what_the_server_lacks_is_sent_in_one_array_with_the_original_queues() -> None:
    plan = plan_resync(WANTED, [])

    requests = (SubscribeRequest("a", "q"), SubscribeRequest("b.*", "r"))
    assert plan.subscribe == Subscribe(requests, batch=True)
    assert plan.unsubscribe is None
    assert not plan.is_stable


def test_what_the_server_has_too_much_is_taken_away_in_one_array() -> None:
    """conat-core §21, Resync: an extra subject is sent in an unsubscribe array and the pass is not
    stable.
    """
    plan = plan_resync(WANTED, ["a", "x", "b.*", "y"])

    assert plan.unsubscribe == Unsubscribe(("x", "y"), batch=True)
    assert plan.subscribe is None
    assert not plan.is_stable


def test_the_first_wait_of_a_retry_loop_is_multiplied_already() -> None:
    """conat-core §19: retry of resync and inbox: start 1,000, max 15,000."""
    waits = list(islice(retry_delays(1.0, 15.0), 12))

    assert waits[:2] == pytest.approx([1.3, 1.69])
    assert waits[-1] == 15.0


def test_waits_of_a_retry_loop_are_not_too_short() -> None:
    assert next(retry_delays(0.001, 15.0)) == 0.05


def test_reconnecting_doubles_the_wait_and_spreads_it() -> None:
    assert list(islice(reconnect_delays(lambda: 0.5), 6)) == [0.5, 1, 2, 4, 8, 15]
    assert next(reconnect_delays(lambda: 0.0)) == 0.25
    assert next(reconnect_delays(lambda: 1.0)) == 0.75
