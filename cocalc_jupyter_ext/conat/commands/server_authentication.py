"""Who ``conat-server`` lets in, and as what.

Its users are hubs, who show a password in a cookie (conat-core §13.1), and, where nobody
is asked, user null or the accounts of a benchmark. All of them may do everything.
"""

from collections.abc import Mapping

from ..authentication.authenticators import Authenticator, BenchUsers, Cookies, Everybody, Nobody
from ..authentication.checks import CookieCheck, HubPassword, SystemPassword
from ..authentication.cookies import header, parse_cookies
from ..types import User
from .server_options import ServerOptions

__all__ = ["authenticator_for"]


def authenticator_for(options: ServerOptions) -> Authenticator:
    """Return what tells the users of a server apart."""
    if options.refusal is not None:
        return Nobody(options.refusal)
    checks: list[CookieCheck] = []
    if options.system_password is not None:
        checks.append(SystemPassword(options.system_password))
    if options.hub_password is not None:
        checks.append(HubPassword(options.hub_password))
        return Cookies(checks, base_path=options.base_path)
    otherwise = _SomeBenchUsers() if options.cookie_users else Everybody()
    return Cookies(checks, base_path=options.base_path, otherwise=otherwise)


class _SomeBenchUsers:
    """Tells apart who wants it: without the cookie the user is null."""

    async def authenticate(self, headers: Mapping[str, str]) -> User | None:
        if BenchUsers.cookie not in parse_cookies(header(headers, "Cookie") or ""):
            return None
        return await BenchUsers().authenticate(headers)
