"""The constants of conat-core §19 and of conat-sync §1.9, §1.10, §2.11 are those of the product.

Other implementations count on these numbers; whoever changes one changes the protocol.
"""

import pytest

from cocalc_jupyter_ext.conat.broker import broker, decisions, peer
from cocalc_jupyter_ext.conat.broker.limits import BrokerLimits
from cocalc_jupyter_ext.conat.client import (
    client,
    denials,
    interests,
    publisher,
    statistics,
)
from cocalc_jupyter_ext.conat.persist import config, messages, paths
from cocalc_jupyter_ext.conat.persist.database import recent_ids
from cocalc_jupyter_ext.conat.persist.server import feed_writer
from cocalc_jupyter_ext.conat.persist.server.admission import UsageLimits
from cocalc_jupyter_ext.conat.protocol import chunks
from cocalc_jupyter_ext.conat.services import named
from cocalc_jupyter_ext.conat.sockets import resend, server_socket
from cocalc_jupyter_ext.conat.sync import dkv_state, inventory_updates

LIMITS = BrokerLimits()


@pytest.mark.parametrize(
    ("ours", "contract"),
    [
        (LIMITS.max_payload_bytes, 8_000_000),
        (chunks.HEADER_RESERVE_BYTES, 100_000),
        (chunks.chunk_size(8_000_000), 7_900_000),
        (chunks.chunk_size(None), 900_000),
        (chunks.chunk_size(0), 1_000),
        (chunks.CHUNK_EXPIRY_S, 120),
        (LIMITS.max_subscriptions_per_client, 500),
        (LIMITS.max_subscriptions_per_hub, 15_000),
        (LIMITS.max_connections_per_user, 100),
        (LIMITS.max_connections, 10_000),
        (client.DEFAULT_TIMEOUT_S, 30),
        (interests.SUBSCRIBE_TIMEOUT_S, 60),
        (LIMITS.max_interest_wait_s, 90),
        (publisher.MAX_INTEREST_WAIT_S, 90),
        (publisher.MIN_TIME_TO_PUBLISH_AGAIN_S, 0.5),
        (interests.RESYNC_TIMEOUT_S, 10),
        (statistics.REPORT_INTERVAL_S, 5),
        (denials.EXPIRY_S, 60),
        (decisions.MAX_AGE_S, 60),
        (decisions.MAX_ENTRIES, 10_000),
        (peer.INFO_ACK_TIMEOUT_S, 7.5),
        (broker.REFUSAL_DELAY_S, 0.025),
        (named.DEFAULT_TIMEOUT_S, 10),
        (resend.GIVE_UP_AFTER_S, 120),
        (server_socket.INTEREST_TIMEOUT_S, 5),
    ],
)
def test_constants_of_the_core(ours: float, contract: float) -> None:
    """conat-core §19: constants."""
    assert ours == contract


def test_info_is_repeated_for_about_two_minutes() -> None:
    """conat-core §19: info ack timeout / total."""
    attempts = len(peer.INFO_PAUSES_S) + 1
    total_s = attempts * peer.INFO_ACK_TIMEOUT_S + sum(peer.INFO_PAUSES_S)

    assert 105 < total_s < 135


@pytest.mark.parametrize(
    ("ours", "contract"),
    [
        (UsageLimits(), UsageLimits(per_scope=500, total=10_000)),
        (paths.MAX_PATH_LENGTH, 4_000),
        (messages.MAX_BATCH_BYTES, 20_000_000),
        (feed_writer.WINDOW_S, 0.03),
        (config.MAX_EPHEMERAL_BYTES, 64_000_000),
        (recent_ids.RECENT_MS, 120_000),
        (dkv_state.TOMBSTONE_TTL_MS, 86_400_000),
        (inventory_updates.INTERVAL_S, 90),
        (inventory_updates.DELAY_S, 0.5),
    ],
)
def test_constants_of_streams(ours: object, contract: object) -> None:
    """conat-sync §1.6, §1.7, §1.9, §2.11, §4.2, §4.7: constants."""
    assert ours == contract
