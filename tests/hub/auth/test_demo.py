"""The demo lets everybody in, on this machine alone."""

import pytest

from cocalc_hub_ext.auth.demo import DemoAuthenticator


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("demo", "demo"),
        (" Ada ", "ada"),
        ("ada@example.org", "ada@example.org"),
        ("", None),
        ("two words", None),
        ("../x", None),
        ("x" * 65, None),
    ],
)
async def test_a_usable_name_gets_in_without_a_password(typed: str, name: str | None) -> None:
    assert await DemoAuthenticator().authenticate(None, {"username": typed}) == name


def test_every_name_is_allowed() -> None:
    assert DemoAuthenticator().check_allowed("anybody")
