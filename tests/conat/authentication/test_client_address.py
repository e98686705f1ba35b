"""conat-core §13.5; SPEC A9."""

import pytest

from cocalc_jupyter_ext.conat.authentication.client_address import client_address


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({}, "9.9.9.9"),
        ({"X-Real-IP": "1.2.3.4"}, "1.2.3.4"),
        ({"x-real-ip": "1.2.3.4", "cf-connecting-ip": "5.6.7.8"}, "5.6.7.8"),
        ({"x-client-ip": "nonsense", "x-real-ip": "1.2.3.4"}, "1.2.3.4"),
        ({"X-Forwarded-For": "unknown, 1.2.3.4:80, 5.6.7.8"}, "1.2.3.4"),
        ({"X-Forwarded-For": "2001:db8::1"}, "2001:db8::1"),
        ({"Forwarded": 'for="[2001:db8::1]:4711";proto=https'}, "2001:db8::1"),
        ({"Forwarded": "for=1.2.3.4;by=5.6.7.8"}, "1.2.3.4"),
        ({"x-real-ip": ""}, "9.9.9.9"),
        ({"x-real-ip": "1.2.3.4\n5"}, "9.9.9.9"),
    ],
)
def test_the_first_valid_address_counts(headers: dict[str, str], address: str) -> None:
    assert client_address(headers, "9.9.9.9") == address


def test_a_peer_may_have_no_address() -> None:
    assert client_address({}) == client_address({}, None) == ""
