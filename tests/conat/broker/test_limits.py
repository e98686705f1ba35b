"""conat-core §2.4 and §8.1; SPEC L1 to L5."""

import pytest

from cocalc_jupyter_ext.conat.broker.limits import (
    BrokerLimits,
    admit_connection,
    admit_subscription,
    check_batch,
    check_length,
)
from cocalc_jupyter_ext.conat.errors import EventError, LimitExceeded
from cocalc_jupyter_ext.conat.types import User

LIMITS = BrokerLimits()
ACCOUNT = User("account", "a")
HUB = User("hub", "hub")


def test_a_user_may_have_100_connections() -> None:
    admit_connection(LIMITS, ACCOUNT, 99, 99)
    with pytest.raises(LimitExceeded, match="per user limit of 100") as refusal:
        admit_connection(LIMITS, ACCOUNT, 100, 100)

    assert refusal.value.code == 429


@pytest.mark.parametrize("user", [HUB, None])
def test_users_who_share_one_identity_are_not_counted_together(user: User | None) -> None:
    """conat-core §20: hubs and unauthenticated users have no shared limit."""
    admit_connection(LIMITS, user, 5_000, 5_000)


@pytest.mark.parametrize("user", [HUB, None, ACCOUNT])
def test_all_together_may_have_10000_connections(user: User | None) -> None:
    with pytest.raises(LimitExceeded, match="global limit of 10000"):
        admit_connection(LIMITS, user, 0, 10_000)


@pytest.mark.parametrize(("user", "limit"), [(ACCOUNT, 500), (None, 500), (HUB, 15_000)])
def test_subscriptions_are_limited_per_connection(user: User | None, limit: int) -> None:
    """conat-core §21, Limits: with a limit of 3 subscriptions the next fails with "limit".

    conat-core §3.3: too many subscriptions: 429 with maximum, number and subject.
    """
    admit_subscription(LIMITS, user, limit - 1, "s")
    with pytest.raises(LimitExceeded) as refusal:
        admit_subscription(LIMITS, user, limit, "s")

    assert str(refusal.value) == (
        f"there is a limit of at most {limit} subscriptions and you currently have {limit} "
        "subscriptions -- subscription to 's' denied"
    )


def test_zero_disables_a_limit() -> None:
    none = BrokerLimits(
        max_connections=0, max_connections_per_user=0, max_subscriptions_per_client=0
    )
    admit_connection(none, ACCOUNT, 10**6, 10**6)
    admit_subscription(none, ACCOUNT, 10**6, "s")


def test_batches_and_subjects_are_bounded() -> None:
    check_batch(LIMITS, 20_000)
    check_length(LIMITS, "x" * 16_384)
    with pytest.raises(EventError, match="at most 20000"):
        check_batch(LIMITS, 20_001)
    with pytest.raises(EventError, match="at most 16384"):
        check_length(LIMITS, "x" * 16_385)


def test_a_pattern_may_have_100_tokens_because_each_takes_memory() -> None:
    check_length(LIMITS, ".".join("x" * 100))
    with pytest.raises(EventError, match="at most 100 tokens"):
        check_length(LIMITS, ".".join("x" * 101))
