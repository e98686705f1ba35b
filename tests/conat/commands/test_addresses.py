"""Hosts, base paths and URLs: what only this machine reaches, and how servers are called."""

import socket

import pytest

from cocalc_jupyter_ext.conat.commands.addresses import (
    base_path_from_text,
    is_loopback,
    server_address,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_hosts_are_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "10.0.0.1"])
def test_hosts_that_other_machines_reach_are_recognised(host: str) -> None:
    assert not is_loopback(host)


def test_an_unknown_host_is_an_error() -> None:
    with pytest.raises(socket.gaierror):
        is_loopback("no such host")


@pytest.mark.parametrize(
    ("text", "path"), [("/", ""), ("", ""), ("/a", "/a"), ("/a/b/", "/a/b"), ("/a.b-c", "/a.b-c")]
)
def test_a_base_path_has_no_slash_at_its_end(text: str, path: str) -> None:
    assert base_path_from_text(text) == path


@pytest.mark.parametrize("text", ["a", "/a//b", "/a?b", "/a#b", "/a%20b", "/a b", "/ž", "/a\nb"])
def test_what_would_not_survive_in_a_url_is_no_base_path(text: str) -> None:
    with pytest.raises(ValueError, match="base path"):
        base_path_from_text(text)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:7/a"),
        ("::1", "http://[::1]:7/a"),
        ("0.0.0.0", "http://localhost:7/a"),
        ("::", "http://localhost:7/a"),
    ],
)
def test_an_address_can_be_connected_to(host: str, address: str) -> None:
    assert server_address(host, 7, "/a") == address
