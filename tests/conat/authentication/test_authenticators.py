"""conat-core §13.1; SPEC A3, A4, A8."""

import pytest

from cocalc_jupyter_ext.conat.authentication.api_keys import ApiKey
from cocalc_jupyter_ext.conat.authentication.authenticators import (
    BenchUsers,
    Cookies,
    Everybody,
    Nobody,
)
from cocalc_jupyter_ext.conat.authentication.checks import (
    ApiKeys,
    CookieCheck,
    HubPassword,
    ProjectSecrets,
    RememberMe,
    SystemPassword,
)
from cocalc_jupyter_ext.conat.authentication.errors import AuthenticationFailed
from cocalc_jupyter_ext.conat.types import AccountId, ProjectId, User

ACCOUNT = User("account", "a")
SYSTEM = User("hub", "system")
HUB = User("hub", "hub")
KEY = "sk-aB3dE6gH9jK2mN5p00000a"
PROJECT_ID = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
PROJECT = User("project", PROJECT_ID)
TOKEN = "sha512$salt$10$aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


async def owner(key: ApiKey) -> User | None:
    return User("account", "of-the-key") if key.secret == KEY else None


async def secret_of(project_id: ProjectId) -> str | None:
    return "token"


async def account_of(lookup_hash: str) -> AccountId | None:
    return AccountId("a")


CHECKS: list[CookieCheck] = [
    SystemPassword("system"),
    HubPassword("hub"),
    ApiKeys(owner),
    ProjectSecrets(secret_of),
    RememberMe(account_of),
]
EVERYTHING = Cookies(CHECKS)


@pytest.mark.parametrize(
    ("cookie", "user"),
    [
        ("sys=system", SYSTEM),
        ("hub_password=hub", HUB),
        (f"api_key={KEY}", User("account", "of-the-key")),
        (f"project_secret=token; project_id={PROJECT_ID}", PROJECT),
        (f"project_id={PROJECT_ID}; project_secret=token", PROJECT),
        (f"remember_me={TOKEN.replace('$', '%24')}", ACCOUNT),
        (f"remember_me={TOKEN}; sys=system; account_id=b", SYSTEM),
        (f"remember_me={TOKEN}; hub_password=hub", HUB),
    ],
)
async def test_the_first_check_whose_cookie_is_there_decides(cookie: str, user: User) -> None:
    assert await EVERYTHING.authenticate({"cookie": cookie}) == user


@pytest.mark.parametrize(
    ("cookie", "text"),
    [
        (f"remember_me={TOKEN}; sys=wrong", "invalid system account password"),
        (f"remember_me={TOKEN}; hub_password=wrong", "invalid hub password"),
        (f"remember_me={TOKEN}; api_key=wrong", "api key no longer valid"),
        (f"remember_me={TOKEN}; project_secret=token", "must specify project_id in the cookie"),
        ("remember_me=wrong", "badly formatted remember_me cookie"),
        ("account_id=a", "must set one of the following cookies: sys, hub_password, api_key, "),
        ("", "must set one of the following cookies: "),
    ],
)
async def test_a_wrong_value_is_an_error_even_if_another_one_is_right(
    cookie: str, text: str
) -> None:
    with pytest.raises(AuthenticationFailed) as refusal:
        await EVERYTHING.authenticate({"Cookie": cookie})

    assert str(refusal.value).startswith(text)


async def test_a_handshake_without_cookies_is_told_to_set_one() -> None:
    with pytest.raises(AuthenticationFailed, match=r"^no auth cookie set; "):
        await EVERYTHING.authenticate({})


async def test_all_names_but_that_of_the_system_depend_on_the_base_path() -> None:
    cookies = Cookies(CHECKS, base_path="/base")

    assert await cookies.authenticate({"Cookie": "sys=system"}) == SYSTEM
    assert await cookies.authenticate({"Cookie": "%2Fbasehub_password=hub"}) == HUB
    prefixed = f"%2Fbaseproject_secret=token; %2Fbaseproject_id={PROJECT_ID}"
    assert await cookies.authenticate({"Cookie": prefixed}) == PROJECT
    with pytest.raises(AuthenticationFailed, match="%2Fbasehub_password"):
        await cookies.authenticate({"Cookie": "hub_password=hub"})


async def test_the_name_of_remember_me_can_be_replaced_as_a_whole() -> None:
    cookies = Cookies([RememberMe(account_of, cookie="mine")], base_path="/base")

    assert await cookies.authenticate({"Cookie": f"mine={TOKEN}"}) == ACCOUNT


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_a_bearer_token_counts_as_an_api_key(scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {KEY}"}

    assert await EVERYTHING.authenticate(headers) == User("account", "of-the-key")
    with pytest.raises(AuthenticationFailed, match="no longer valid"):
        await EVERYTHING.authenticate({**headers, "Cookie": "api_key=wrong"})
    assert await EVERYTHING.authenticate({**headers, "Cookie": "hub_password=hub"}) == HUB


async def test_a_system_account_may_be_added_to_any_server() -> None:
    cookies = Cookies([SystemPassword("system")], otherwise=Everybody())

    assert await cookies.authenticate({"Cookie": "sys=system"}) == SYSTEM
    assert await cookies.authenticate({"Cookie": "hub_password=hub"}) is None
    assert await cookies.authenticate({}) is None
    with pytest.raises(AuthenticationFailed):
        await cookies.authenticate({"Cookie": "sys=wrong"})


async def test_without_a_system_password_its_cookie_means_nothing() -> None:
    """conat-core §21, Permission policy: system cookies: unknown without system accounts, right and
    wrong passwords.
    """
    with pytest.raises(AuthenticationFailed, match="must set one of the following cookies"):
        await Cookies(CHECKS[1:]).authenticate({"Cookie": "sys=system"})


async def test_a_server_can_refuse_everybody() -> None:
    with pytest.raises(AuthenticationFailed, match=r"^closed today$"):
        await Nobody("closed today").authenticate({"Cookie": "sys=system"})


async def test_users_of_measurements_are_believed() -> None:
    assert await BenchUsers().authenticate({"Cookie": "bench_user=u-1_A"}) == User(
        "account", "u-1_A"
    )


@pytest.mark.parametrize("cookie", ["", "bench_user=", "bench_user=a.b", "bench_user=*", "x=1"])
async def test_their_ids_are_plain_words(cookie: str) -> None:
    with pytest.raises(AuthenticationFailed, match="bench_user"):
        await BenchUsers().authenticate({"Cookie": cookie})


async def test_two_projects_cannot_exchange_their_secrets() -> None:
    async def own_secret(project_id: ProjectId) -> str | None:
        return f"secret of {project_id}"

    cookies = Cookies([ProjectSecrets(own_secret)])
    other = PROJECT_ID.replace("c", "d")
    with pytest.raises(AuthenticationFailed):
        await cookies.authenticate(
            {"Cookie": f"project_secret=secret of {PROJECT_ID}; project_id={other}"}
        )
