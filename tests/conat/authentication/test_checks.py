"""conat-core §13.1 to §13.3; SPEC A3 to A8."""

import pytest

from cocalc_jupyter_ext.conat.authentication.api_keys import ApiKey
from cocalc_jupyter_ext.conat.authentication.checks import (
    ApiKeys,
    CookieCheck,
    HubPassword,
    ProjectSecrets,
    RememberMe,
    SystemPassword,
)
from cocalc_jupyter_ext.conat.authentication.errors import AuthenticationFailed
from cocalc_jupyter_ext.conat.authentication.remember_me import parse_remember_me
from cocalc_jupyter_ext.conat.types import AccountId, ProjectId, User

SECRET = "c2VjcmV0+/=="
KEY = "sk-aB3dE6gH9jK2mN5p00000a"
PROJECT_ID = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
TOKEN = "sha512$salt$10$aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
ACCOUNT = User("account", "a")


async def owner(key: ApiKey) -> User | None:
    return ACCOUNT if key == ApiKey(KEY, 10) else None


async def secret_of(project_id: ProjectId) -> str | None:
    return {PROJECT_ID: SECRET, "not-a-uuid": SECRET}.get(project_id)


async def account_of(lookup_hash: str) -> AccountId | None:
    return AccountId("a") if lookup_hash == parse_remember_me(TOKEN).lookup_hash else None


async def ask(check: CookieCheck, value: str, **cookies: str) -> User:
    return await check.user(value, cookies.get)


@pytest.mark.parametrize(
    ("check", "value", "user"),
    [
        (SystemPassword(SECRET), SECRET, User("hub", "system")),
        (HubPassword(SECRET), SECRET, User("hub", "hub")),
        (ApiKeys(owner), KEY, ACCOUNT),
        (ProjectSecrets(secret_of), SECRET, User("project", PROJECT_ID)),
        (RememberMe(account_of), TOKEN, ACCOUNT),
    ],
)
async def test_the_right_credential_names_its_user(
    check: CookieCheck, value: str, user: User
) -> None:
    """conat-core §21, Permission policy: system cookies: unknown without system accounts, right and
    wrong passwords.
    """
    assert await ask(check, value, project_id=PROJECT_ID) == user


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (SystemPassword(SECRET), "invalid system account password"),
        (HubPassword(SECRET), "invalid hub password"),
        (ApiKeys(owner), "api key no longer valid"),
        (ProjectSecrets(secret_of), "invalid secret token for project"),
    ],
)
@pytest.mark.parametrize("value", ["", "wrong", SECRET[:-1], f"{SECRET}x", "é", "\ud800"])
async def test_a_wrong_one_is_refused_without_being_repeated(
    check: CookieCheck, text: str, value: str
) -> None:
    """conat-core §21, Permission policy: system cookies: unknown without system accounts, right and
    wrong passwords.
    """
    with pytest.raises(AuthenticationFailed) as refusal:
        await ask(check, value, project_id=PROJECT_ID)

    assert str(refusal.value) == text


async def test_an_unknown_token_has_expired() -> None:
    with pytest.raises(AuthenticationFailed, match="remember me cookie expired"):
        await ask(RememberMe(account_of), TOKEN.replace("salt", "other"))


async def test_a_project_says_which_one_it_is() -> None:
    with pytest.raises(AuthenticationFailed, match="must specify project_id in the cookie"):
        await ask(ProjectSecrets(secret_of), SECRET)


@pytest.mark.parametrize("project_id", ["not-a-uuid", PROJECT_ID.replace("c", "d")])
async def test_a_project_that_does_not_exist_is_refused_like_a_wrong_secret(
    project_id: str,
) -> None:
    with pytest.raises(AuthenticationFailed, match="invalid secret token for project"):
        await ask(ProjectSecrets(secret_of), SECRET, project_id=project_id)


async def test_an_empty_secret_of_a_project_opens_nothing() -> None:
    async def empty(project_id: ProjectId) -> str | None:
        return ""

    with pytest.raises(AuthenticationFailed):
        await ask(ProjectSecrets(empty), "", project_id=PROJECT_ID)


@pytest.mark.parametrize("check", [SystemPassword, HubPassword])
def test_an_empty_password_is_a_mistake_of_the_configuration(
    check: type[SystemPassword] | type[HubPassword],
) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        check("")


@pytest.mark.parametrize("check", [SystemPassword(SECRET), HubPassword(SECRET)])
def test_passwords_are_not_shown(check: object) -> None:
    assert SECRET not in repr(check)


async def test_f_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Design §5 (f). Nothing but ``compare_digest`` may see both secrets."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, secret: bytes) -> bool:
        compared.append((given, secret))
        return False

    monkeypatch.setattr("hmac.compare_digest", compare)
    for check in (SystemPassword(SECRET), HubPassword(SECRET), ProjectSecrets(secret_of)):
        with pytest.raises(AuthenticationFailed):
            await ask(check, SECRET, project_id=PROJECT_ID)

    assert compared == [(SECRET.encode(), SECRET.encode())] * 3
