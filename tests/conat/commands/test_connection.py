"""Credentials come from files or the environment and become request headers."""

import argparse
from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.commands.connection import credentials


def options(**given: Path) -> argparse.Namespace:
    names = ("cookie_file", "token_file", "system_password_file", "server")
    return argparse.Namespace(**(dict.fromkeys(names) | given))


def test_without_credentials_there_are_no_headers() -> None:
    assert credentials(options(), {}) == {}


def test_the_environment_gives_credentials() -> None:
    environ = {"CONAT_COOKIE": "a=b; c=d", "CONAT_TOKEN": "t", "CONAT_SYSTEM_PASSWORD": "p;w"}

    assert credentials(options(), environ) == {
        "Cookie": "a=b; c=d; sys=p%3Bw",
        "Authorization": "token t",
    }


def test_files_come_first(tmp_path: Path) -> None:
    (tmp_path / "cookie").write_text("bench_user=ann\n")

    found = credentials(options(cookie_file=tmp_path / "cookie"), {"CONAT_COOKIE": "other=1"})
    assert found == {"Cookie": "bench_user=ann"}


@pytest.mark.parametrize(
    ("address", "cookie"),
    [
        ("http://host", "hub_password=p%3Bw"),
        ("http://host/", "hub_password=p%3Bw"),
        ("http://host/a/b", "%2Fa%2Fbhub_password=p%3Bw"),
    ],
)
def test_the_password_of_hubs_has_the_base_path_in_its_name(address: str, cookie: str) -> None:
    """conat-core §13.1."""
    found = credentials(options(), {"CONAT_SERVER": address}, hub_password="p;w")

    assert found == {"Cookie": cookie}


@pytest.mark.parametrize("name", ["CONAT_COOKIE", "CONAT_TOKEN"])
@pytest.mark.parametrize("value", ["a\r\nX: y", "ž"])
def test_a_credential_cannot_add_headers(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="one line of visible ASCII") as caught:
        credentials(options(), {name: value})
    assert value not in str(caught.value)
