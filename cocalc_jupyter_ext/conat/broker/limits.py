"""How much one connection, one user and all together may take of a broker.

All numbers are per broker. 0 disables a limit on connections or subscriptions, as in
CoCalc's server (conat-core §8.1, §2.4).
"""

from dataclasses import dataclass

from ..errors import EventError, LimitExceeded
from ..protocol.messages import MAX_BATCH
from ..types import User

__all__ = ["BrokerLimits", "admit_connection", "admit_subscription", "check_batch", "check_length"]


@dataclass(frozen=True, slots=True)
class BrokerLimits:
    """The limits of a broker; the defaults are those of conat-core §19 where it names one."""

    max_payload_bytes: int = 8_000_000
    max_subscriptions_per_client: int = 500
    max_subscriptions_per_hub: int = 15_000
    max_connections_per_user: int = 100
    max_connections: int = 10_000
    max_interest_wait_s: float = 90.0
    max_interest_waits_per_client: int = 1_000
    max_interest_waits: int = 100_000
    max_batch: int = MAX_BATCH
    max_subject_length: int = 16_384
    max_subject_tokens: int = 100
    max_pending_control_events: int = 1_000


def admit_connection(limits: BrokerLimits, user: User | None, of_user: int, total: int) -> None:
    """Raise LimitExceeded when one more connection is too many (conat-core §2.4).

    Hubs share one identity, and so do all users of a server that authenticates nobody:
    the limit per user is not for them.
    """
    per_user = 0 if user is None or user.kind == "hub" else limits.max_connections_per_user
    _admit("per user", per_user, of_user)
    _admit("global", limits.max_connections, total)


def _admit(scope: str, limit: int, current: int) -> None:
    if limit and current >= limit:
        raise LimitExceeded(
            f"there is a {scope} limit of {limit} connections to CoCalc; "
            "close browser tabs or come back later"
        )


def admit_subscription(limits: BrokerLimits, user: User | None, current: int, subject: str) -> None:
    """Raise LimitExceeded when one more subscription is too many (conat-core §8.1)."""
    is_hub = user is not None and user.kind == "hub"
    limit = limits.max_subscriptions_per_hub if is_hub else limits.max_subscriptions_per_client
    if limit and current >= limit:
        raise LimitExceeded(
            f"there is a limit of at most {limit} subscriptions and you currently have "
            f"{current} subscriptions -- subscription to '{subject}' denied"
        )


def check_batch(limits: BrokerLimits, count: int) -> None:
    """Raise EventError when an array holds too many subscriptions."""
    if count > limits.max_batch:
        raise EventError(f"at most {limits.max_batch} subscriptions fit into one event")


def check_length(limits: BrokerLimits, subject: str) -> None:
    """Raise EventError when a subject is longer than any use of it needs.

    Each token of a pattern has its own place in memory, so there are fewer of these.
    """
    if len(subject) > limits.max_subject_length:
        raise EventError(f"a subject may have at most {limits.max_subject_length} characters")
    if subject.count(".") >= limits.max_subject_tokens:
        raise EventError(f"a subject may have at most {limits.max_subject_tokens} tokens")
