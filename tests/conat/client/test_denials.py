"""conat-core §9.2; SPEC K9."""

import pytest

from cocalc_jupyter_ext.conat.client.denials import Denials
from cocalc_jupyter_ext.conat.errors import RemoteError
from cocalc_jupyter_ext.conat.protocol.messages import PermissionNotice


def test_a_refusal_is_remembered_for_a_minute_for_what_was_refused() -> None:
    denials = Denials()
    denials.remember(PermissionNotice("no", "a", "pub"), 100)

    with pytest.raises(RemoteError, match="no") as refusal:
        denials.check("pub", "a", 159.9)
    assert refusal.value.code == 403
    denials.check("sub", "a", 100)
    denials.check("pub", "b", 100)
    denials.check("pub", "a", 160)
    denials.check("pub", "a", 100)


def test_refusals_are_bounded_in_number() -> None:
    denials = Denials()
    for number in range(1_001):
        denials.remember(PermissionNotice("no", str(number), "pub"), 0)

    denials.check("pub", "0", 1)
    with pytest.raises(RemoteError):
        denials.check("pub", "1", 1)
