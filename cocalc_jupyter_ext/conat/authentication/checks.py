"""One kind of credential each: what a cookie holds, and whose it is (conat-core §13.1).

A check is asked only when its cookie is there. It returns the user, or raises
AuthenticationFailed with the text of the contract, in which no secret ever appears.
Secrets are compared in constant time.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Protocol

from ..protocol.subjects import is_uuid
from ..types import AccountId, ProjectId, User
from .api_keys import ApiKey, parse_api_key
from .errors import AuthenticationFailed
from .remember_me import parse_remember_me

__all__ = [
    "ApiKeys",
    "CookieCheck",
    "CookieOf",
    "HubPassword",
    "ProjectSecrets",
    "RememberMe",
    "SystemPassword",
]

CookieOf = Callable[[str], str | None]
"""Returns another cookie of the same handshake by its plain name."""


class CookieCheck(Protocol):
    """Judges one cookie. ``has_prefix`` says whether its name depends on the base path."""

    @property
    def cookie(self) -> str:
        """The name of the cookie, without prefix."""
        ...  # pragma: no cover - a protocol has no body

    @property
    def has_prefix(self) -> bool:
        """Whether the name begins with the base path on the wire."""
        ...  # pragma: no cover - a protocol has no body

    async def user(self, value: str, cookie_of: CookieOf) -> User:
        """Return whose credential it is; raises AuthenticationFailed."""
        ...  # pragma: no cover - a protocol has no body


class SystemPassword:
    """The password of system accounts, such as the other nodes of a cluster."""

    cookie = "sys"
    has_prefix = False

    def __init__(self, password: str) -> None:
        self._password = _required(password, "the password of the system account")

    async def user(self, value: str, cookie_of: CookieOf) -> User:
        """Return the system user."""
        if not _is_same(value, self._password):
            raise AuthenticationFailed("invalid system account password")
        return User("hub", "system")


class HubPassword:
    """The password that all processes of a hub share."""

    cookie = "hub_password"
    has_prefix = True

    def __init__(self, password: str) -> None:
        self._password = _required(password, "the password of the hub")

    async def user(self, value: str, cookie_of: CookieOf) -> User:
        """Return the hub."""
        if not _is_same(value, self._password):
            raise AuthenticationFailed("invalid hub password")
        return User("hub", "hub")


class ApiKeys:
    """API keys. ``owner`` verifies a key and returns its account or project, or None.

    It finds the record by ``ApiKey.id`` and verifies the whole secret against the stored
    hash; keys that are expired or whose owner is banned have no owner (conat-core §13.2).
    """

    cookie = "api_key"
    has_prefix = True

    def __init__(self, owner: Callable[[ApiKey], Awaitable[User | None]]) -> None:
        self._owner = owner

    async def user(self, value: str, cookie_of: CookieOf) -> User:
        """Return the account or project of the key."""
        key = parse_api_key(value)
        owner = None if key is None else await self._owner(key)
        if owner is None:
            raise AuthenticationFailed("api key no longer valid")
        return owner


class ProjectSecrets:
    """The secret tokens of projects. ``secret_of`` returns that of a project, or None."""

    cookie = "project_secret"
    has_prefix = True

    def __init__(self, secret_of: Callable[[ProjectId], Awaitable[str | None]]) -> None:
        self._secret_of = secret_of

    async def user(self, value: str, cookie_of: CookieOf) -> User:
        """Return the project that the cookie ``project_id`` names."""
        project_id = cookie_of("project_id")
        if not project_id:
            raise AuthenticationFailed(
                "must specify project_id in the cookie when project_secret is set"
            )
        secret = await self._secret_of(ProjectId(project_id)) if is_uuid(project_id) else None
        if not secret or not _is_same(value, secret):
            raise AuthenticationFailed("invalid secret token for project")
        return User("project", project_id)


class RememberMe:
    """The sign-in of browsers. ``account_of`` finds the account of a lookup hash, or None.

    ``cookie`` replaces the name of the cookie as a whole (conat-core §13.1).
    """

    def __init__(
        self,
        account_of: Callable[[str], Awaitable[AccountId | None]],
        *,
        cookie: str | None = None,
    ) -> None:
        self._account_of = account_of
        self.cookie = cookie or "remember_me"
        self.has_prefix = cookie is None

    async def user(self, value: str, cookie_of: CookieOf) -> User:
        """Return the account that is signed in."""
        account_id = await self._account_of(parse_remember_me(value).lookup_hash)
        if account_id is None:
            raise AuthenticationFailed("remember me cookie expired; sign in again")
        return User("account", account_id)


def _required(secret: str, what: str) -> str:
    if not secret:
        raise ValueError(f"{what} must not be empty")
    return secret


def _is_same(given: str, secret: str) -> bool:
    return hmac.compare_digest(_bytes(given), _bytes(secret))


def _bytes(text: str) -> bytes:
    # What a client sends may hold halves of characters, which only this way of encoding takes.
    return text.encode("utf-8", "surrogatepass")
