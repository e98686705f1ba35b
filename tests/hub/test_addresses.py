"""Only addresses that no other machine reaches count as loopback."""

import pytest

from cocalc_hub_ext.addresses import is_loopback, is_loopback_url


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_addresses_reach_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "10.0.0.1", "192.168.1.5", "example.org", "127.0.0.1.example.org"]
)
def test_all_other_addresses_may_be_reached_by_others(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000/base/", True),
        ("https://[::1]:8000", True),
        ("http://:8000", False),
        ("http://127.0.0.1@example.org/", False),
        ("http+unix://%2Frun%2Fhub.sock", False),
    ],
)
def test_the_host_of_a_url_decides(url: str, expected: bool) -> None:
    assert is_loopback_url(url) is expected
