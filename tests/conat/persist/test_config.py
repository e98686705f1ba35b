"""The settings of a stream (conat-sync §2.6, §7.11)."""

import pytest

from cocalc_jupyter_ext.conat.persist.config import MAX_EPHEMERAL_BYTES, StreamConfig


def test_the_defaults_limit_nothing() -> None:
    assert StreamConfig().to_wire() == {
        "max_msgs": -1,
        "max_age": 0,
        "max_bytes": -1,
        "max_msg_size": -1,
        "max_bytes_per_second": -1,
        "max_msgs_per_second": -1,
        "discard_policy": "old",
        "allow_msg_ttl": False,
        "desc": None,
    }
    assert StreamConfig().limits() == {}


def test_null_absent_and_unknown_fields_change_nothing() -> None:
    config = StreamConfig(max_msgs=3, desc={"path": "a"})

    assert config.changed({"max_msgs": None, "desc": None, "required_headers": 1}) == config


@pytest.mark.parametrize(
    ("given", "kept"), [(2.9, 2), (-2.9, -2), ("7", 7), (True, 1), ("many", None), ([], None)]
)
def test_numbers_are_truncated_and_what_is_no_number_disables_the_limit(
    given: object, kept: int | None
) -> None:
    assert StreamConfig().changed({"max_msgs": given}).max_msgs == kept


@pytest.mark.parametrize(
    ("given", "kept"), [("new", "new"), ("old", "old"), ("x", "old"), (1, "old")]
)
def test_any_policy_but_new_is_old(given: object, kept: str) -> None:
    assert StreamConfig().changed({"discard_policy": given}).discard_policy == kept


def test_limits_are_the_fields_that_differ_from_the_defaults() -> None:
    """conat-sync §7.12: exactly the settings that are not the default."""
    config = StreamConfig().changed({"allow_msg_ttl": True, "max_age": 50})

    assert config.limits() == {"allow_msg_ttl": True, "max_age": 50}


@pytest.mark.parametrize("wanted", [-1, 0, None, MAX_EPHEMERAL_BYTES + 1])
def test_a_stream_in_memory_always_has_a_limit_of_bytes(wanted: int | None) -> None:
    assert StreamConfig(max_bytes=wanted).for_ephemeral().max_bytes == MAX_EPHEMERAL_BYTES


def test_a_smaller_limit_of_bytes_is_kept_in_memory() -> None:
    assert StreamConfig(max_bytes=10).for_ephemeral().max_bytes == 10
