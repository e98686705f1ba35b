"""Accounts: one per person, found by the name the hub's authenticator gave."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..ids import AccountId
from .models import AccountRow

__all__ = ["Account", "ensure_account", "fetch_account", "list_accounts"]


@dataclass(frozen=True)
class Account:
    """A person as the rest of the hub sees one."""

    account_id: AccountId
    hub_user: str
    display_name: str
    created: datetime


def fetch_account(session: Session, hub_user: str) -> Account | None:
    """Return the account of a hub user, or None."""
    row = session.scalar(select(AccountRow).where(AccountRow.hub_user == hub_user))
    return None if row is None else _account_from_row(row)


def ensure_account(
    session: Session, *, hub_user: str, display_name: str, account_id: AccountId, now: datetime
) -> Account:
    """Return the account of a hub user; make it with ``account_id`` when there is none.

    Two processes may do this at once: the one that comes second takes the other's row.
    """
    known = fetch_account(session, hub_user)
    if known is not None:
        return known
    row = AccountRow(
        account_id=account_id, hub_user=hub_user, display_name=display_name, created=now
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        known = fetch_account(session, hub_user)
        if known is None:
            raise
        return known
    return _account_from_row(row)


def list_accounts(session: Session, account_ids: Iterable[str]) -> dict[AccountId, Account]:
    """Return the accounts that exist among ``account_ids``."""
    rows = session.scalars(select(AccountRow).where(AccountRow.account_id.in_(set(account_ids))))
    return {AccountId(row.account_id): _account_from_row(row) for row in rows}


def _account_from_row(row: AccountRow) -> Account:
    return Account(AccountId(row.account_id), row.hub_user, row.display_name, row.created)
