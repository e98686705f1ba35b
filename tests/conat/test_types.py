"""conat-core §2.2."""

import pytest

from cocalc_jupyter_ext.conat.types import User


@pytest.mark.parametrize(
    ("user", "wire"),
    [
        (User("account", "a"), {"account_id": "a"}),
        (User("project", "p"), {"project_id": "p"}),
        (User("hub", "hub"), {"hub_id": "hub"}),
    ],
)
def test_a_user_has_exactly_one_id_on_the_wire(user: User, wire: dict[str, str]) -> None:
    assert user.to_wire() == wire
