"""One account per hub user, for good."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from cocalc_hub_ext.db.accounts import Account, ensure_account, fetch_account, list_accounts
from cocalc_hub_ext.db.engine import Database
from cocalc_hub_ext.ids import AccountId

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def ensure(database: Database, name: str) -> Account:
    account_id = AccountId(str(uuid4()))
    return await database.write(
        lambda session: ensure_account(
            session, hub_user=name, display_name=name.title(), account_id=account_id, now=NOW
        )
    )


async def test_a_hub_user_gets_an_account_with_its_name_and_time(database: Database) -> None:
    made = await ensure(database, "ada")

    found = await database.read(lambda session: fetch_account(session, "ada"))
    assert found == made == Account(made.account_id, "ada", "Ada", NOW)


async def test_a_hub_user_keeps_its_account(database: Database) -> None:
    assert await ensure(database, "ada") == await ensure(database, "ada")


async def test_requests_at_the_same_time_share_one_account(database: Database) -> None:
    accounts = await asyncio.gather(*(ensure(database, "ada") for _ in range(8)))

    assert len(set(accounts)) == 1


async def test_listing_answers_only_for_accounts_that_exist(database: Database) -> None:
    ada, bob = await ensure(database, "ada"), await ensure(database, "bob")
    wanted = [ada.account_id, bob.account_id, str(uuid4())]

    found = await database.read(lambda session: list_accounts(session, wanted))

    assert found == {ada.account_id: ada, bob.account_id: bob}


async def test_an_unknown_hub_user_has_no_account(database: Database) -> None:
    assert await database.read(lambda session: fetch_account(session, "nobody")) is None
