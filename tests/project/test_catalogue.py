"""hub-project-api §3.2, §3.4, §3.5."""

import pytest

from cocalc_jupyter_ext.project.catalogue import KNOWN_FUNCTIONS
from cocalc_jupyter_ext.project.dispatch import ApiError, Dispatcher


@pytest.mark.parametrize("name", sorted(KNOWN_FUNCTIONS))
async def test_what_nobody_offers_is_not_called_unknown(name: str) -> None:
    with pytest.raises(ApiError, match="is not supported by this server"):
        await Dispatcher({}, KNOWN_FUNCTIONS)({"name": name})
