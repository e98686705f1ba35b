"""How many streams may be open (conat-sync §1.9)."""

import pytest

from cocalc_jupyter_ext.conat.errors import LimitExceeded
from cocalc_jupyter_ext.conat.persist.server.admission import Admission, UsageLimits


def test_the_limits_are_those_of_the_contract() -> None:
    assert UsageLimits() == UsageLimits(per_scope=500, total=10_000)


def test_one_owner_has_a_limit_of_its_own() -> None:
    admission = Admission(UsageLimits(per_scope=1))
    admission.admit("hub")

    with pytest.raises(LimitExceeded, match="'hub' has 1 streams open") as refusal:
        admission.admit("hub")

    assert refusal.value.code == 429
    admission.admit("project-1")


def test_all_owners_together_have_a_limit() -> None:
    admission = Admission(UsageLimits(total=2))
    admission.admit("a")
    admission.admit("b")

    with pytest.raises(LimitExceeded, match="this server has 2 streams open"):
        admission.admit("c")


def test_a_socket_that_closes_makes_room_once() -> None:
    admission = Admission(UsageLimits(per_scope=2))
    leave = admission.admit("hub")
    admission.admit("hub")

    leave()
    leave()

    assert admission.total == 1
    admission.admit("hub")
    with pytest.raises(LimitExceeded):
        admission.admit("hub")
