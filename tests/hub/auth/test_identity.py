"""People have accounts, made when they are first met; projects have none."""

from uuid import uuid4

import pytest

from cocalc_hub_ext.auth.identity import Identities
from cocalc_hub_ext.errors import UnknownPersonError
from tests.support.fake_hub import FakeHub


async def test_a_person_keeps_the_account_that_the_first_visit_made(identities: Identities) -> None:
    first = await identities.account_of({"name": "ada", "user_info": None})

    assert await identities.account_of({"name": "ada"}) == first
    assert (first.hub_user, first.display_name) == ("ada", "ada")


@pytest.mark.parametrize(
    ("info", "shown"),
    [
        ({"display_name": "Ada L.", "name": "Ada Lovelace"}, "Ada L."),
        ({"name": "Ada Lovelace"}, "Ada Lovelace"),
        ({"display_name": None}, "ada"),
        ({"name": "x" * 300}, "x" * 254),
    ],
)
async def test_the_identity_provider_s_name_is_shown(
    identities: Identities, info: dict[str, str | None], shown: str
) -> None:
    account = await identities.account_of({"name": "ada", "user_info": info})

    assert account.display_name == shown


async def test_a_project_never_gets_an_account(identities: Identities, fake_hub: FakeHub) -> None:
    name = str(uuid4())
    fake_hub.users.add(name)

    with pytest.raises(UnknownPersonError):
        await identities.account_of({"name": name})
    with pytest.raises(UnknownPersonError):
        await identities.get_person(name.upper())


async def test_somebody_the_hub_knows_is_found_before_the_first_visit(
    identities: Identities, fake_hub: FakeHub
) -> None:
    fake_hub.users.add("guest")

    found = await identities.get_person(" Guest ")

    assert found == await identities.account_of({"name": "guest"})


async def test_a_name_is_taken_as_typed_before_its_lower_case(
    identities: Identities, fake_hub: FakeHub
) -> None:
    fake_hub.users.update(["Ada", "ada"])

    assert (await identities.get_person("Ada")).hub_user == "Ada"
    assert (await identities.get_person("ADA")).hub_user == "ada"


@pytest.mark.parametrize("name", ["noone", "", "  "])
async def test_an_unknown_name_says_what_to_do(identities: Identities, name: str) -> None:
    with pytest.raises(UnknownPersonError, match="logged in once"):
        await identities.get_person(name)
