"""From hub users to accounts.

Hub names stay as the authenticator gives them, because administrators know people by them; an
account is made the first time a person is met and keeps its id for good. A project is a hub
user too and never gets an account.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from ..db.accounts import Account, ensure_account, fetch_account
from ..db.engine import Database
from ..errors import UnknownPersonError
from ..ids import AccountId, is_project_id

__all__ = ["Identities", "UserDirectory"]


class UserDirectory(Protocol):
    """Whoever knows the hub's users."""

    async def fetch_user(self, name: str) -> dict[str, Any] | None:
        """Return the user model, or None."""


class Identities:
    """Finds and makes accounts. ``new_id`` and ``now`` supply randomness and time."""

    def __init__(
        self,
        database: Database,
        directory: UserDirectory,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._directory = directory
        self._now = now
        self._new_id = new_id

    async def account_of(self, user: dict[str, Any]) -> Account:
        """Return the account of a hub user model (``name``, ``user_info``), made when new.

        Raises UnknownPersonError for a project.
        """
        name = user["name"]
        if is_project_id(name):
            raise UnknownPersonError(name)
        known = await self._database.read(lambda session: fetch_account(session, name))
        return known or await self._create(name, _display_name(user))

    async def get_person(self, name: str) -> Account:
        """Return the account of the person whom others call ``name``.

        Somebody the hub knows but who never opened the projects page gets an account now.
        Raises UnknownPersonError, for projects as well: ids cannot be probed this way.
        """
        typed = name.strip()
        # Most authenticators lower-case names, but not all do.
        for wanted in dict.fromkeys((typed, typed.lower())):
            found = await self._fetch_person(wanted)
            if found is not None:
                return found
        raise UnknownPersonError(name)

    async def _fetch_person(self, name: str) -> Account | None:
        if not name or is_project_id(name):
            return None
        known = await self._database.read(lambda session: fetch_account(session, name))
        if known is not None:
            return known
        user = await self._directory.fetch_user(name)
        return None if user is None else await self.account_of(user)

    async def _create(self, name: str, display_name: str) -> Account:
        account_id = AccountId(str(self._new_id()))
        return await self._database.write(
            lambda session: ensure_account(
                session,
                hub_user=name,
                display_name=display_name,
                account_id=account_id,
                now=self._now(),
            )
        )


def _display_name(user: dict[str, Any]) -> str:
    info = user.get("user_info") or {}
    return str(info.get("display_name") or info.get("name") or user["name"])[:254]
