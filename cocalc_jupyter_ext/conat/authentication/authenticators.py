"""Who may connect to a server, from the headers of the handshake (conat-core §13).

An authenticator returns the user, returns None where nobody is asked, or raises
AuthenticationFailed with a text for the client.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from ..types import User
from .checks import ApiKeys, CookieCheck
from .cookies import cookie_name, header, parse_cookies
from .errors import AuthenticationFailed

__all__ = ["Authenticator", "BenchUsers", "Cookies", "Everybody", "Nobody"]

_BENCH_USER: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_BEARER: Final = "bearer "


class Authenticator(Protocol):
    """Finds out who connects."""

    async def authenticate(self, headers: Mapping[str, str]) -> User | None:
        """Return the user; raises AuthenticationFailed to let nobody in."""
        ...  # pragma: no cover - a protocol has no body


class Everybody:
    """Asks nobody: every connection has the user None."""

    async def authenticate(self, headers: Mapping[str, str]) -> User | None:
        """Return None."""
        return None


class Nobody:
    """Lets nobody in, and says always the same."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def authenticate(self, headers: Mapping[str, str]) -> User | None:
        """Raise AuthenticationFailed."""
        raise AuthenticationFailed(self._text)


class BenchUsers:
    """Believes the cookie ``bench_user``: for measurements and tests, never for people."""

    cookie: Final = "bench_user"

    async def authenticate(self, headers: Mapping[str, str]) -> User | None:
        """Return the account of that id; it holds letters, digits, ``-`` and ``_``."""
        user_id = parse_cookies(header(headers, "Cookie") or "").get(self.cookie)
        if user_id is None or not _BENCH_USER.fullmatch(user_id):
            raise AuthenticationFailed(
                "must set the cookie bench_user to 1 to 64 letters, digits, '-' or '_'"
            )
        return User("account", user_id)


class Cookies:
    """Asks checks in their order; the first one whose cookie is there decides (§13.1).

    The order of the contract is SystemPassword, HubPassword, ApiKeys, ProjectSecrets,
    RememberMe. ``Authorization: Bearer <key>`` counts as an API key when there is no such
    cookie. ``otherwise`` is asked when no check has its cookie.
    """

    def __init__(
        self,
        checks: Sequence[CookieCheck],
        *,
        base_path: str = "/",
        otherwise: Authenticator | None = None,
    ) -> None:
        self._checks = tuple(checks)
        self._base_path = base_path
        self._otherwise = otherwise

    async def authenticate(self, headers: Mapping[str, str]) -> User | None:
        """Return the user whose credentials the handshake holds."""
        cookies = self._credentials(headers)
        for check in self._checks:
            value = cookies.get(self._name(check))
            if value is not None:
                return await check.user(value, lambda name: cookies.get(self._prefixed(name)))
        if self._otherwise is not None:
            return await self._otherwise.authenticate(headers)
        names = ", ".join(self._name(check) for check in self._checks)
        if header(headers, "Cookie") is None:
            raise AuthenticationFailed(f"no auth cookie set; set one of: {names}")
        raise AuthenticationFailed(f"must set one of the following cookies: {names}")

    def _credentials(self, headers: Mapping[str, str]) -> dict[str, str]:
        cookies = parse_cookies(header(headers, "Cookie") or "")
        authorization = header(headers, "Authorization") or ""
        if authorization[: len(_BEARER)].lower() == _BEARER:
            key = authorization[len(_BEARER) :].strip()
            cookies.setdefault(self._prefixed(ApiKeys.cookie), key)
        return cookies

    def _name(self, check: CookieCheck) -> str:
        return self._prefixed(check.cookie) if check.has_prefix else check.cookie

    def _prefixed(self, name: str) -> str:
        return cookie_name(name, self._base_path)
