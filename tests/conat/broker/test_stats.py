"""conat-core §11.7; SPEC R10."""

from cocalc_jupyter_ext.conat.broker.stats import PeerStats
from cocalc_jupyter_ext.conat.protocol.chunks import split
from cocalc_jupyter_ext.conat.types import MessageId


def test_a_message_counts_once_and_its_bytes_all() -> None:
    stats = PeerStats()
    for chunk in split(MessageId("m"), b"12345", size_bytes=2):
        stats.sent.count(chunk)

    assert (stats.sent.messages, stats.sent.bytes) == (1, 5)
