"""SPEC R1."""

from cocalc_jupyter_ext.conat.broker.state import BrokerState


def test_states_share_nothing() -> None:
    one, two = BrokerState(), BrokerState()

    assert one.subscriptions is not two.subscriptions
    assert one.routes is not two.routes
    assert one.assignments is not two.assignments
    assert one.waiters is not two.waiters
