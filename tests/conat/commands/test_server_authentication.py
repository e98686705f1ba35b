"""Whom ``conat-server`` lets in (conat-core §13.1)."""

import pytest

from cocalc_jupyter_ext.conat.authentication.errors import AuthenticationFailed
from cocalc_jupyter_ext.conat.commands.server_authentication import authenticator_for
from cocalc_jupyter_ext.conat.commands.server_options import ServerOptions
from cocalc_jupyter_ext.conat.types import User

HUB = User("hub", "hub")
SYSTEM = User("hub", "system")


async def user(options: ServerOptions, cookie: str | None) -> User | None:
    headers = {} if cookie is None else {"Cookie": cookie}
    return await authenticator_for(options).authenticate(headers)


@pytest.mark.parametrize("cookie", [None, "a=b", "sys=x", "bench_user=x", "hub_password=x"])
async def test_without_options_everybody_is_null(cookie: str | None) -> None:
    assert await user(ServerOptions(), cookie) is None


@pytest.mark.parametrize("cookie", [None, "sys=secret"])
async def test_a_refusal_is_for_everybody(cookie: str | None) -> None:
    options = ServerOptions(refusal="closed today", system_password="secret")

    with pytest.raises(AuthenticationFailed, match="closed today"):
        await user(options, cookie)


async def test_a_cookie_makes_distinct_accounts() -> None:
    options = ServerOptions(cookie_users=True)

    assert await user(options, "x=y; bench_user=ann") == User("account", "ann")
    assert await user(options, "bench_user=bob") == User("account", "bob")
    assert await user(options, None) is None
    assert await user(options, "x=y") is None


@pytest.mark.parametrize("name", ["", "a b", "x" * 65])
async def test_a_user_without_a_usable_name_is_refused(name: str) -> None:
    with pytest.raises(AuthenticationFailed, match="bench_user"):
        await user(ServerOptions(cookie_users=True), f"bench_user={name}")


@pytest.mark.parametrize("cookie_users", [True, False])
async def test_the_system_password_makes_a_hub_and_a_wrong_one_is_an_error(
    cookie_users: bool,
) -> None:
    options = ServerOptions(system_password="s3+x", cookie_users=cookie_users)

    assert await user(options, "sys=s3%2Bx") == SYSTEM
    assert await user(options, None) is None
    with pytest.raises(AuthenticationFailed, match="invalid system account password"):
        await user(options, "sys=s3; bench_user=ann")


async def test_with_a_hub_password_nobody_gets_in_without_one() -> None:
    options = ServerOptions(hub_password="right", system_password="secret")

    assert await user(options, "hub_password=right") == HUB
    assert await user(options, "sys=secret") == SYSTEM
    with pytest.raises(AuthenticationFailed, match="invalid hub password"):
        await user(options, "hub_password=wrong")
    for cookie in (None, "other=1", "bench_user=ann"):
        with pytest.raises(AuthenticationFailed, match="hub_password"):
            await user(options, cookie)


async def test_below_a_base_path_the_cookie_of_hubs_has_it_in_its_name() -> None:
    options = ServerOptions(hub_password="right", base_path="/a/b")

    assert await user(options, "%2Fa%2Fbhub_password=right") == HUB
    with pytest.raises(AuthenticationFailed, match=r"%2Fa%2Fbhub_password"):
        await user(options, "hub_password=right")
